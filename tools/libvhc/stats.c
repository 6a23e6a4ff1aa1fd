// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the counters of a queue. The first part knows nothing but the format, which is that of
 * KVM_GET_STATS_FD: see struct kvm_stats_header.
 *
 * Callers: the tools, and tests that ask for one counter.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stats.h"
#include "vhc.h"

enum { IMAGE_MAX = 1 << 20 };

static size_t desc_size(const struct kvm_stats_header *header)
{
	return sizeof(struct kvm_stats_desc) + header->name_size;
}

/* Do all parts lie in the file? */
static bool is_whole(const struct vhc_stats *stats, size_t size)
{
	const struct kvm_stats_header *header = stats->header;
	unsigned int i;

	if (size < sizeof(*header) || header->id_offset > size ||
	    header->name_size > size - header->id_offset || header->desc_offset > size ||
	    header->num_desc > (size - header->desc_offset) / desc_size(header) ||
	    header->data_offset > size)
		return false;
	for (i = 0; i < header->num_desc; i++) {
		const struct kvm_stats_desc *desc = vhc_stats_desc(stats, i);

		if (desc->offset > size - header->data_offset ||
		    desc->size > (size - header->data_offset - desc->offset) / sizeof(uint64_t))
			return false;
	}
	return true;
}

/**
 * vhc_stats_read() - read a file of statistics
 * @fd: the file.
 * @stats: filled; vhc_stats_free() frees it.
 *
 * Return: 0, or -errno; -EPROTO if the file is not what it should be.
 */
int vhc_stats_read(int fd, struct vhc_stats *stats)
{
	size_t size = 0;
	ssize_t got;

	stats->image = malloc(IMAGE_MAX);
	if (!stats->image)
		return -ENOMEM;
	stats->header = stats->image;
	while ((got = pread(fd, (char *)stats->image + size, IMAGE_MAX - size, size)) > 0)
		size += got;
	if (!got && is_whole(stats, size)) {
		stats->id = (char *)stats->image + stats->header->id_offset;
		return 0;
	}
	got = got < 0 ? -errno : -EPROTO;
	vhc_stats_free(stats);
	return got;
}

/**
 * vhc_stats_free() - undo vhc_stats_read()
 * @stats: what was read.
 */
void vhc_stats_free(struct vhc_stats *stats)
{
	free(stats->image);
	memset(stats, 0, sizeof(*stats));
}

/**
 * vhc_stats_desc() - what one of the counters is
 * @stats: what was read.
 * @index: below the header's num_desc.
 *
 * Return: it.
 */
const struct kvm_stats_desc *vhc_stats_desc(const struct vhc_stats *stats, unsigned int index)
{
	return (void *)((char *)stats->image + stats->header->desc_offset +
			index * desc_size(stats->header));
}

/**
 * vhc_stats_find() - the same, by name
 * @stats: what was read.
 * @name: of the counter.
 *
 * Return: it, or NULL.
 */
const struct kvm_stats_desc *vhc_stats_find(const struct vhc_stats *stats, const char *name)
{
	unsigned int i;

	for (i = 0; i < stats->header->num_desc; i++)
		if (!strcmp(vhc_stats_desc(stats, i)->name, name))
			return vhc_stats_desc(stats, i);
	return NULL;
}

/**
 * vhc_stats_data() - a counter's values
 * @stats: what was read.
 * @desc: the counter.
 *
 * Return: as many as its size says.
 */
const uint64_t *vhc_stats_data(const struct vhc_stats *stats, const struct kvm_stats_desc *desc)
{
	return (void *)((char *)stats->image + stats->header->data_offset + desc->offset);
}

/**
 * vhc_stats_is_histogram() - does a counter have buckets?
 * @desc: the counter.
 *
 * Return: true if it does: of 0, of 1, of 2 and 3, and so on, each up to twice the last one.
 */
bool vhc_stats_is_histogram(const struct kvm_stats_desc *desc)
{
	return (desc->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_LOG_HIST;
}

/* ---- one device's ---- */

/**
 * vhc_stats_get() - read the counters of a queue, or give up
 * @dev: a /dev/vhost-custom.
 * @queue: VHC_RX or VHC_TX.
 * @stats: filled; vhc_stats_free() frees it.
 */
void vhc_stats_get(const struct vhc_dev *dev, unsigned int queue, struct vhc_stats *stats)
{
	int fd = vhc_get_stats_fd(dev, queue);
	int err = vhc_stats_read(fd, stats);

	close(fd);
	if (err)
		vhc_fail("counters: %s", strerror(-err));
}

/**
 * vhc_stat() - the value of a counter that is no histogram, or give up
 * @dev: a /dev/vhost-custom.
 * @queue: VHC_RX or VHC_TX.
 * @name: of the counter.
 *
 * Return: it.
 */
uint64_t vhc_stat(const struct vhc_dev *dev, unsigned int queue, const char *name)
{
	const struct kvm_stats_desc *desc;
	struct vhc_stats stats;
	uint64_t value;

	vhc_stats_get(dev, queue, &stats);
	desc = vhc_stats_find(&stats, name);
	if (!desc)
		vhc_fail("no counter %s", name);
	value = *vhc_stats_data(&stats, desc);
	vhc_stats_free(&stats);
	return value;
}

/**
 * vhc_stat_bad() - how often something could not be used, or give up
 * @dev: a /dev/vhost-custom.
 * @queue: VHC_RX or VHC_TX.
 * @reason: why: an enum vhost_custom_bad.
 *
 * Return: it.
 */
uint64_t vhc_stat_bad(const struct vhc_dev *dev, unsigned int queue, unsigned int reason)
{
	static const char *const names[VHOST_CUSTOM_BAD_MAX] = {
		[VHOST_CUSTOM_BAD_HEAD] = "bad_head",
		[VHOST_CUSTOM_BAD_NEXT] = "bad_next",
		[VHOST_CUSTOM_BAD_LOOP] = "bad_loop",
		[VHOST_CUSTOM_BAD_LENGTH] = "bad_length",
		[VHOST_CUSTOM_BAD_INDIRECT] = "bad_indirect",
		[VHOST_CUSTOM_BAD_ADDRESS] = "bad_address",
		[VHOST_CUSTOM_BAD_ORDER] = "bad_order",
		[VHOST_CUSTOM_BAD_DIRECTION] = "bad_direction",
		[VHOST_CUSTOM_BAD_HEADER] = "bad_header",
		[VHOST_CUSTOM_BAD_FRAME] = "bad_frame",
		[VHOST_CUSTOM_BAD_FAULT] = "bad_fault",
		[VHOST_CUSTOM_BAD_INDEX] = "bad_index",
		[VHOST_CUSTOM_BAD_RING] = "bad_ring",
		[VHOST_CUSTOM_BAD_LOG] = "bad_log",
	};

	return vhc_stat(dev, queue, names[reason]);
}
