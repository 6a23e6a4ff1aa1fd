// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the dirty log (VHOST_F_LOG_ALL): every page that the device writes is marked,
 * wherever logging begins and ends between frames, and no other page is.
 *
 * Caller: data-test.c.
 */
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "parts.h"
#include "rig.h"

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
	struct vhost_vring_addr addr;
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
	vhc_driver_addr(rig_driver(&rig, VHC_RX), &addr);
	assert_true(is_logged(log, addr.log_guest_addr));
	for (i = 0; i < 32; i++) {
		page = i * 8;
		assert_int_equal(is_logged(log, buffers + page * LOG_PAGE), i < 16);
		assert_int_equal(is_logged(log, buffers + (page + 1) * LOG_PAGE),
				 i < 16 && 60 + i * 90 + rig.port.header_len > 100);
		assert_false(is_logged(log, buffers + (page + 3) * LOG_PAGE));
	}
	rig_close(&rig);
}

/* ---- a shadow of guest memory ---- */

/* Memory that the device may write to, by guest address. */
struct range {
	uint64_t start;
	uint64_t end;
};

enum { RX_SLOTS, RX_USED, TX_USED, RANGES };

static struct range used_range(struct rig *rig, unsigned int index)
{
	const struct vhc_driver *driver = rig_driver(rig, index);
	uint64_t start = driver->ring + ((char *)driver->used - (char *)driver->desc);
	const struct range range = { start, start + 6 + 8ULL * driver->num };

	return range;
}

static bool device_may_write(const struct range *range, uint64_t page)
{
	unsigned int i;

	for (i = 0; i < RANGES; i++)
		if (page + LOG_PAGE > range[i].start && page < range[i].end)
			return true;
	return false;
}

/* Where the log has a guest address: behind an IOMMU the driver's are others. */
static uint64_t in_log(const struct rig *rig, uint64_t addr)
{
	return rig->port.iommu.alias ? vhc_iommu_gpa(&rig->port.iommu, addr) : addr;
}

static void set_logging(struct rig *rig, uint8_t *log, bool on)
{
	struct vhost_vring_addr addr;
	unsigned int i;

	/* In QEMU's order. */
	if (on)
		vhc_set_log_base(&rig->port.dev, (uintptr_t)log);
	vhc_set_features(&rig->port.dev, rig->port.features | (on ? VHC_F_LOG_ALL : 0));
	for (i = 0; i < VHC_QUEUES; i++) {
		vhc_port_addr(&rig->port, i, &addr);
		addr.flags = on ? 1 << VHOST_VRING_F_LOG : 0;
		vhc_set_vring_addr(&rig->port.dev, &addr);
	}
}

static char *snapshot(const struct rig *rig)
{
	const uint64_t size = vhc_mem_end(&rig->port.mem) - VHC_MEM_BASE;
	char *copy = malloc(size);

	assert_non_null(copy);
	vhc_mem_read(&rig->port.mem, VHC_MEM_BASE, copy, size);
	return copy;
}

/* Returns how many pages are marked. */
static unsigned int compare(const struct rig *rig, const char *before, const uint8_t *log,
			    const struct range *range)
{
	unsigned int marked = 0;
	char now[LOG_PAGE];
	uint64_t page;

	for (page = VHC_MEM_BASE; page < vhc_mem_end(&rig->port.mem); page += LOG_PAGE) {
		bool is_marked = is_logged(log, in_log(rig, page));
		bool may = device_may_write(range, page);

		marked += is_marked;
		vhc_mem_read(&rig->port.mem, page, now, LOG_PAGE);
		if (may && !is_marked && memcmp(before + (page - VHC_MEM_BASE), now, LOG_PAGE))
			fail_msg("page %#llx was written and is not marked",
				 (unsigned long long)page);
		if (is_marked && !may)
			fail_msg("page %#llx is marked, and the device had no reason to write it",
				 (unsigned long long)page);
	}
	return marked;
}

static void check_direction(const struct variant *variant, struct vhc_port_config *config,
			    unsigned int direction)
{
	struct vhc_traffic_config frames = rig_traffic(700);
	const struct range nothing[RANGES] = { 0 };
	struct range range[RANGES] = { 0 };
	struct vhc_traffic *traffic;
	uint8_t *log;
	char *before;
	struct rig rig;

	frames.directions = 1 << direction;
	frames.segments = 2;
	frames.any_layout = true;
	config->mem_size = 4 << 20;
	rig_open(&rig, variant, config);
	log = calloc(1, vhc_mem_end(&rig.port.mem) / LOG_PAGE / 8 + 1);
	assert_non_null(log);
	range[RX_USED] = used_range(&rig, VHC_RX);
	range[TX_USED] = used_range(&rig, VHC_TX);
	if (config->iommu)
		vhc_iommu_start(&rig.port.iommu);

	if (direction == VHC_RX)
		range[RX_SLOTS].start = rig.port.mem.next;
	traffic = vhc_traffic_open(&rig.port, &frames);
	if (direction == VHC_RX)
		range[RX_SLOTS].end = rig.port.mem.next;
	vhc_port_start(&rig.port);
	assert_true(vhc_traffic_run(traffic));

	before = snapshot(&rig);
	set_logging(&rig, log, true);
	assert_true(vhc_traffic_run(traffic));
	assert_true(compare(&rig, before, log, range) > 0);
	assert_true(is_logged(log, in_log(&rig, range[direction == VHC_RX ? RX_USED :
						      TX_USED].start)));

	set_logging(&rig, log, false);
	memset(log, 0, vhc_mem_end(&rig.port.mem) / LOG_PAGE / 8 + 1);
	assert_true(vhc_traffic_run(traffic));
	assert_int_equal(compare(&rig, before, log, nothing), 0);

	vhc_traffic_close(traffic);
	free(before);
	rig_close(&rig);
	free(log);
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

const struct claim log_claims[] = {
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
