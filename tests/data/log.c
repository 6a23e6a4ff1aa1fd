// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the dirty log (VHOST_F_LOG_ALL): every page that the device writes is marked,
 * wherever logging begins and ends between frames, and no other page is.
 *
 * Caller: data-test.c.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include "frame.h"
#include "parts.h"
#include "rig.h"
#include "shadow.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { LOG_PAGE = 4096 };

static bool is_logged(const uint8_t *log, uint64_t addr)
{
	return log[addr / LOG_PAGE / 8] & 1 << addr / LOG_PAGE % 8;
}

static void log_writes(struct rig *rig, uint8_t *log)
{
	struct vhost_vring_addr addr = {
		.index = VHC_RX, .flags = 1 << VHOST_VRING_F_LOG,
	};

	vhc_set_log_base(&rig->port.dev, (uintptr_t)log);
	vhc_driver_addr(rig_driver(rig, VHC_RX), &addr);
	vhc_set_vring_addr(&rig->port.dev, &addr);
}

/* Each page of guest memory that the device wrote to is marked, and no untouched buffer. */
static void pages_that_the_device_writes_are_logged(const struct variant *variant)
{
	uint8_t *log = calloc(1, 1 << 16);
	const struct vhc_area *area;
	unsigned int i, page;
	uint64_t buffers;
	struct rig rig;

	assert_non_null(log);
	rig_open(&rig, variant, NULL);
	buffers = vhc_mem_alloc(&rig.port.mem, 32 * 8 * LOG_PAGE, LOG_PAGE);
	log_writes(&rig, log);
	rig_start(&rig);
	for (i = 0; i < 16; i++)
		rig_post_rx(&rig, buffers + i * 8 * LOG_PAGE + LOG_PAGE - 100, 2 * LOG_PAGE);
	for (i = 0; i < 16; i++)
		rig_send_rx(&rig, i, 60 + i * 90);
	for (i = 0; i < 16; i++)
		rig_expect_rx(&rig, i);
	rig_settle();
	area = rig_driver(&rig, VHC_RX)->area;
	for (i = 0; i < VHC_AREAS; i++)
		assert_true(is_logged(log, area[i].addr) || !area[i].written);
	for (i = 0; i < 32; i++) {
		page = i * 8;
		assert_int_equal(is_logged(log, buffers + page * LOG_PAGE), i < 16);
		assert_int_equal(is_logged(log, buffers + (page + 1) * LOG_PAGE),
				 i < 16 && 60 + i * 90 + rig.port.header_len > 100);
		assert_false(is_logged(log, buffers + (page + 3) * LOG_PAGE));
	}
	rig_close(&rig);
}

static void check_direction(const struct variant *variant, struct vhc_port_config *config,
			    unsigned int direction)
{
	struct vhc_traffic_config frames = rig_traffic(700);
	struct vhc_traffic *traffic;
	struct shadow shadow;
	struct rig rig;
	char *before;

	frames.directions = 1 << direction;
	frames.segments = 2;
	frames.any_layout = true;
	config->mem_size = 4 << 20;
	rig_open(&rig, variant, config);
	if (config->iommu)
		vhc_iommu_start(&rig.port.iommu);
	traffic = shadow_open(&shadow, &rig, &frames, direction);
	vhc_port_start(&rig.port);
	assert_true(vhc_traffic_run(traffic));

	before = shadow_snapshot(&shadow);
	shadow_set_logging(&shadow, true);
	assert_true(vhc_traffic_run(traffic));
	assert_true(shadow_compare_now(&shadow, before) > 0);
	assert_true(shadow_ring_is_marked(&shadow, direction));

	shadow_set_logging(&shadow, false);
	shadow_clear(&shadow);
	assert_true(vhc_traffic_run(traffic));
	assert_int_equal(shadow_compare(&shadow, before, before), 0);

	vhc_traffic_close(traffic);
	free(before);
	rig_close(&rig);
	shadow_close(&shadow);
}

static void written_pages_are_marked_while_it_is_on(const struct variant *variant)
{
	struct vhc_port_config config = { .ring_size = 256 };

	check_direction(variant, &config, VHC_RX);
	check_direction(variant, &config, VHC_TX);
}

static void pages_in_many_regions_are_marked(const struct variant *variant)
{
	struct vhc_port_config config = { .ring_size = 64, .regions = 13, .fifo = true };

	check_direction(variant, &config, VHC_RX);
	check_direction(variant, &config, VHC_TX);
}

static void pages_behind_an_iommu_are_marked(const struct variant *variant)
{
	struct vhc_port_config config = { .ring_size = 1024, .iommu = 2000, .iotlb_v2 = true };

	check_direction(variant, &config, VHC_RX);
	check_direction(variant, &config, VHC_TX);
}

/* VHOST_SET_LOG_FD: an eventfd that says when there is something new in the log. */
static void the_log_s_eventfd_is_signalled(const struct variant *variant)
{
	int event = eventfd(0, EFD_NONBLOCK);
	uint8_t *log = calloc(1, 1 << 16);
	uint64_t buffer;
	struct rig rig;

	assert_non_null(log);
	rig_open(&rig, variant, NULL);
	buffer = vhc_mem_alloc(&rig.port.mem, 2000, 64);
	log_writes(&rig, log);
	vhc_set_log_fd(&rig.port.dev, event);
	rig_start(&rig);
	rig_post_rx(&rig, buffer, 2000);
	/* The wish for a kick was logged, too. */
	rig_settle();
	vhc_eventfd_read(event);
	rig_send_rx(&rig, 1, 300);
	assert_true(vhc_eventfd_wait(event, RIG_PATIENCE_MS));
	rig_expect_rx(&rig, 1);
	rig_close(&rig);
	close(event);
	free(log);
}

const struct claim log_claims[] = {
	WITH(ON_BOTH, VHC_F_VERSION_1 | VHC_F_LOG_ALL, 0, the_log_s_eventfd_is_signalled),
	WITH(ON_BOTH, VHC_F_VERSION_1 | VHC_F_LOG_ALL, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     pages_that_the_device_writes_are_logged),
	VARY(ON_BOTH, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF | VHC_F_VERSION_1,
	     written_pages_are_marked_while_it_is_on),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     pages_in_many_regions_are_marked),
	WITH(ON_BOTH, VHC_F_VERSION_1 | VHC_F_ACCESS_PLATFORM, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     pages_behind_an_iommu_are_marked),
};

const size_t log_claim_num = ARRAY_SIZE(log_claims);
