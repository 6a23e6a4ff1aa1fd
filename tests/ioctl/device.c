// SPDX-License-Identifier: GPL-2.0
/*
 * Devices and ports to make claims about.
 *
 * Callers: the files with the claims.
 */
#include <fcntl.h>

#include "device.h"

/**
 * opened() - open the device
 * @variant: which.
 *
 * Return: it.
 */
struct vhc_dev opened(const struct variant *variant)
{
	struct vhc_dev dev;

	vhc_open(&dev, variant->device);
	return dev;
}

/**
 * owned() - open the device and own it
 * @variant: which.
 *
 * Return: it.
 */
struct vhc_dev owned(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);

	vhc_set_owner(&dev);
	return dev;
}

/**
 * set_up() - a port of which all is set up but the backends
 * @port: it.
 * @variant: its device and features.
 */
void set_up(struct vhc_port *port, const struct variant *variant)
{
	const struct vhc_port_config config = {
		.device = variant->device,
		.features = VHC_F_VERSION_1 | variant->features,
		.ring_size = 256,
		.mem_size = 4 << 20,
	};

	vhc_port_open(port, &config);
}

/**
 * open_null() - a file that is none of those a device takes
 *
 * Return: its descriptor.
 */
int open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}
