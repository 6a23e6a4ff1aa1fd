/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices and ports to make claims about. They live as long as the claim, in a process of its own.
 */
#ifndef IOCTL_DEVICE_H
#define IOCTL_DEVICE_H

#include "claims.h"
#include "port.h"

/* No file, an address that nothing is at, and one of the kernel's. */
enum { BAD_FD = 12345 };
#define BAD_POINTER ((void *)8)
#define KERNEL_ADDRESS 0xffff888000000000ULL

struct vhc_dev opened(const struct variant *variant);
struct vhc_dev owned(const struct variant *variant);
void set_up(struct vhc_port *port, const struct variant *variant);
int open_null(void);

#endif
