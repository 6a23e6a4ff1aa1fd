// SPDX-License-Identifier: GPL-2.0
/*
 * A shadow of guest memory, against which the dirty log is checked.
 *
 * Callers: log.c and live.c.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "shadow.h"

enum { LOG_PAGE = 4096 };

static uint64_t mem_size(const struct shadow *shadow)
{
	return vhc_mem_end(&shadow->rig->port.mem) - VHC_MEM_BASE;
}

static void set_ring_ranges(struct shadow *shadow, unsigned int which, unsigned int index)
{
	const struct vhc_area *area = rig_driver(shadow->rig, index)->area;
	unsigned int i;

	for (i = 0; i < VHC_AREAS; i++) {
		if (!area[i].written)
			continue;
		shadow->range[which].start = area[i].addr;
		shadow->range[which].end = area[i].addr + area[i].len;
		shadow->range[which++].packed = i == VHC_DESC_AREA;
	}
}

/**
 * shadow_open() - get ready to send in one direction, and to say what is written then
 * @shadow: filled.
 * @rig: the port; not started.
 * @frames: what to send.
 * @direction: VHC_RX or VHC_TX; the only one of @frames.
 *
 * Return: the traffic.
 */
struct vhc_traffic *shadow_open(struct shadow *shadow, struct rig *rig,
				const struct vhc_traffic_config *frames, unsigned int direction)
{
	struct vhc_traffic *traffic;

	memset(shadow, 0, sizeof(*shadow));
	shadow->rig = rig;
	shadow->log = calloc(1, vhc_mem_end(&rig->port.mem) / LOG_PAGE / 8 + 1);
	if (!shadow->log)
		vhc_fail("no memory for the log");
	set_ring_ranges(shadow, SHADOW_RX_RING, VHC_RX);
	set_ring_ranges(shadow, SHADOW_TX_RING, VHC_TX);
	shadow->range[SHADOW_RX_SLOTS].start = rig->port.mem.next;
	traffic = vhc_traffic_open(&rig->port, frames);
	shadow->range[SHADOW_RX_SLOTS].end = direction == VHC_RX ? rig->port.mem.next :
					     shadow->range[SHADOW_RX_SLOTS].start;
	return traffic;
}

/**
 * shadow_close() - free the log; the port is closed
 * @shadow: the shadow.
 */
void shadow_close(struct shadow *shadow)
{
	free(shadow->log);
}

/**
 * shadow_set_logging() - switch logging on or off, in QEMU's order
 * @shadow: the shadow.
 * @on: which.
 */
void shadow_set_logging(struct shadow *shadow, bool on)
{
	struct vhc_port *port = &shadow->rig->port;
	struct vhost_vring_addr addr;
	unsigned int i;

	if (on)
		vhc_set_log_base(&port->dev, (uintptr_t)shadow->log);
	vhc_set_features(&port->dev, port->features | (on ? VHC_F_LOG_ALL : 0));
	for (i = 0; i < VHC_QUEUES; i++) {
		vhc_port_addr(port, i, &addr);
		addr.flags = on ? 1 << VHOST_VRING_F_LOG : 0;
		vhc_set_vring_addr(&port->dev, &addr);
	}
}

/**
 * shadow_clear() - forget what was logged
 * @shadow: the shadow; logging is off.
 */
void shadow_clear(struct shadow *shadow)
{
	memset(shadow->log, 0, vhc_mem_end(&shadow->rig->port.mem) / LOG_PAGE / 8 + 1);
}

/**
 * shadow_is_marked() - is the page of a guest address in the log?
 * @shadow: the shadow.
 * @addr: the driver's; behind an IOMMU the log has others.
 *
 * Return: whether it is.
 */
bool shadow_is_marked(const struct shadow *shadow, uint64_t addr)
{
	const struct vhc_iommu *iommu = &shadow->rig->port.iommu;
	uint64_t page = (iommu->alias ? vhc_iommu_gpa(iommu, addr) : addr) / LOG_PAGE;

	return shadow->log[page / 8] & 1 << page % 8;
}

/**
 * shadow_ring_is_marked() - is the first page that the device writes of a ring in the log?
 * @shadow: the shadow.
 * @index: VHC_RX or VHC_TX.
 *
 * Return: whether it is.
 */
bool shadow_ring_is_marked(const struct shadow *shadow, unsigned int index)
{
	const unsigned int range = index == VHC_RX ? SHADOW_RX_RING : SHADOW_TX_RING;

	return shadow_is_marked(shadow, shadow->range[range].start);
}

/**
 * shadow_snapshot() - copy guest memory
 * @shadow: the shadow.
 *
 * Return: the copy, to be freed.
 */
char *shadow_snapshot(const struct shadow *shadow)
{
	char *copy = malloc(mem_size(shadow));

	if (!copy)
		vhc_fail("no memory for a snapshot");
	vhc_mem_read(&shadow->rig->port.mem, VHC_MEM_BASE, copy, mem_size(shadow));
	return copy;
}

static bool overlaps(const struct shadow *shadow, unsigned int range, uint64_t page)
{
	return page + LOG_PAGE > shadow->range[range].start && page < shadow->range[range].end;
}

static bool device_may_write(const struct shadow *shadow, uint64_t page)
{
	unsigned int i;

	for (i = 0; i < SHADOW_RANGES; i++)
		if (overlaps(shadow, i, page))
			return true;
	return false;
}

static bool looks_used(const struct vring_packed_desc *desc)
{
	const uint16_t both = 1 << VRING_PACKED_DESC_F_AVAIL | 1 << VRING_PACKED_DESC_F_USED;
	const uint16_t flags = le16toh(desc->flags) & both;

	return !flags || flags == both;
}

/*
 * Only the device makes one used that was available. One that was used before and after may
 * differ because the driver is about to make it available: it writes the flags last.
 */
static bool descs_were_used(const char *before, const char *after, uint64_t len)
{
	const struct vring_packed_desc *old = (const void *)before, *new = (const void *)after;

	for (; len; len -= sizeof(*new), old++, new++)
		if (!looks_used(old) && looks_used(new))
			return true;
	return false;
}

static bool range_was_written(const struct shadow_range *range, const char *before,
			      const char *after, uint64_t len)
{
	return range->packed ? descs_were_used(before, after, len) : memcmp(before, after, len);
}

/* Did the device? The rest of the page may be the driver's. */
static bool device_wrote(const struct shadow *shadow, uint64_t page, const char *before,
			 const char *after)
{
	unsigned int i;

	for (i = 0; i < SHADOW_RANGES; i++) {
		uint64_t start = shadow->range[i].start, end = shadow->range[i].end;

		if (!overlaps(shadow, i, page))
			continue;
		if (start < page)
			start = page;
		if (end > page + LOG_PAGE)
			end = page + LOG_PAGE;
		if (range_was_written(&shadow->range[i], before + (start - VHC_MEM_BASE),
				      after + (start - VHC_MEM_BASE), end - start))
			return true;
	}
	return false;
}

/**
 * shadow_compare() - is each page that differs marked, and none that the device cannot write?
 * @shadow: the shadow.
 * @before: a snapshot.
 * @after: a later one.
 *
 * Return: how many pages are marked.
 */
unsigned int shadow_compare(const struct shadow *shadow, const char *before, const char *after)
{
	unsigned int marked = 0;
	uint64_t page;

	for (page = VHC_MEM_BASE; page < vhc_mem_end(&shadow->rig->port.mem); page += LOG_PAGE) {
		bool is_marked = shadow_is_marked(shadow, page);

		marked += is_marked;
		if (!is_marked && device_wrote(shadow, page, before, after))
			vhc_fail("page %#llx was written and is not marked",
				 (unsigned long long)page);
		if (is_marked && !device_may_write(shadow, page))
			vhc_fail("page %#llx is marked, and the device had no reason to write it",
				 (unsigned long long)page);
	}
	return marked;
}

/**
 * shadow_compare_now() - compare guest memory with what it was
 * @shadow: the shadow.
 * @before: a snapshot.
 *
 * Return: how many pages are marked.
 */
unsigned int shadow_compare_now(const struct shadow *shadow, const char *before)
{
	char *now = shadow_snapshot(shadow);
	unsigned int marked = shadow_compare(shadow, before, now);

	free(now);
	return marked;
}
