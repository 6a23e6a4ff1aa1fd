/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The counters of a queue of /dev/vhost-custom, in the kernel's format for statistics.
 */
#ifndef VHC_STATS_H
#define VHC_STATS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vhc_dev;

/**
 * struct vhc_stats - the contents of such a file, and where its parts are
 * @image: all of it.
 * @header: at its begin.
 * @id: the identifier.
 */
struct vhc_stats {
	void *image;
	const struct kvm_stats_header *header;
	const char *id;
};

int vhc_stats_read(int fd, struct vhc_stats *stats);
void vhc_stats_free(struct vhc_stats *stats);
const struct kvm_stats_desc *vhc_stats_desc(const struct vhc_stats *stats, unsigned int index);
const struct kvm_stats_desc *vhc_stats_find(const struct vhc_stats *stats, const char *name);
const uint64_t *vhc_stats_data(const struct vhc_stats *stats, const struct kvm_stats_desc *desc);
bool vhc_stats_is_histogram(const struct kvm_stats_desc *desc);

void vhc_stats_get(const struct vhc_dev *dev, unsigned int queue, struct vhc_stats *stats);
uint64_t vhc_stat(const struct vhc_dev *dev, unsigned int queue, const char *name);
uint64_t vhc_stat_bad(const struct vhc_dev *dev, unsigned int queue, unsigned int reason);

#endif
