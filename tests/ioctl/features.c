// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about features: what is offered, what is accepted, and when.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>

#include "device.h"
#include "parts.h"

static void features_of_the_vhost_core_are_offered(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	uint64_t want = VHC_F_NOTIFY_ON_EMPTY | VHC_F_LOG_ALL | VHC_F_ANY_LAYOUT |
			VHC_F_INDIRECT | VHC_F_EVENT_IDX | VHC_F_VERSION_1 | VHC_F_MRG_RXBUF |
			VHC_F_ACCESS_PLATFORM;

	if (variant->custom)	/* README: "`RING_RESET`" */
		want |= VHC_F_RING_RESET;
	assert_int_equal(vhc_get_features(&dev) & want, want);
}

static void each_offered_feature_is_accepted_without_owner(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	uint64_t offered = vhc_get_features(&dev);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (offered & 1ULL << bit)
			assert_result(__vhc_set_features(&dev, 1ULL << bit), 0);
	assert_result(__vhc_set_features(&dev, offered), 0);
	assert_result(__vhc_set_features(&dev, 0), 0);
}

static void each_other_feature_is_not_supported(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	uint64_t offered = vhc_get_features(&dev);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (!(offered & 1ULL << bit))
			assert_result(__vhc_set_features(&dev, 1ULL << bit), -EOPNOTSUPP);
	assert_result(__vhc_set_features(&dev, ~0ULL), -EOPNOTSUPP);
	assert_int_equal(vhc_get_features(&dev), offered);
}

static void log_all_needs_a_log_while_running(const struct variant *variant)
{
	struct vhc_port port;

	set_up(&port, variant);
	assert_result(__vhc_set_log_base(&port.dev, KERNEL_ADDRESS), 0);
	vhc_port_start(&port);
	assert_result(__vhc_set_features(&port.dev, port.features | VHC_F_LOG_ALL), -EFAULT);
	vhc_port_close(&port);
}

static void log_all_changes_while_running(const struct variant *variant)
{
	static char log[1 << 20];
	struct vhc_port port;

	set_up(&port, variant);
	vhc_set_log_base(&port.dev, (uintptr_t)log);
	vhc_port_start(&port);
	assert_result(__vhc_set_features(&port.dev, port.features | VHC_F_LOG_ALL), 0);
	assert_result(__vhc_set_features(&port.dev, port.features), 0);
	vhc_port_close(&port);
}

/* README: "features that change while a queue runs" */
static void other_features_wait_until_it_stops(const struct variant *variant)
{
	struct vhc_port port;

	set_up(&port, variant);
	vhc_port_start(&port);
	assert_result(__vhc_set_features(&port.dev, port.features | VHC_F_MRG_RXBUF), -EBUSY);
	assert_result(__vhc_set_features(&port.dev, 0), -EBUSY);
	vhc_net_set_backend(&port.dev, VHC_RX, -1);
	assert_result(__vhc_set_features(&port.dev, 0), -EBUSY);
	vhc_net_set_backend(&port.dev, VHC_TX, -1);
	assert_result(__vhc_set_features(&port.dev, port.features | VHC_F_MRG_RXBUF), 0);
	vhc_port_close(&port);
}

static void backend_features_are_iotlb_msg_v2(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	uint64_t offered = vhc_get_backend_features(&dev);
	unsigned int bit;

	assert_int_equal(offered, 1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2);
	assert_result(__vhc_set_backend_features(&dev, offered), 0);
	for (bit = 0; bit < 64; bit++)
		if (!(offered & 1ULL << bit))
			assert_result(__vhc_set_backend_features(&dev, 1ULL << bit), -EOPNOTSUPP);
}

static const struct claim claims[] = {
	ON(ON_BOTH, features_of_the_vhost_core_are_offered),
	ON(ON_BOTH, each_offered_feature_is_accepted_without_owner),
	ON(ON_BOTH, each_other_feature_is_not_supported),
	RINGS(ON_BOTH, log_all_needs_a_log_while_running),
	RINGS(ON_BOTH, log_all_changes_while_running),
	RINGS(ON_VHOST_CUSTOM, other_features_wait_until_it_stops),
	ON(ON_BOTH, backend_features_are_iotlb_msg_v2),
};

const struct part about_features = PART(claims);
