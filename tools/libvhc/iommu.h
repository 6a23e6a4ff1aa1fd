/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An IOMMU before a device, as a VMM plays it: a thread answers the device's questions.
 *
 * The driver's addresses (those of mem.h) become IO virtual ones. The device sees guest
 * memory through a second mapping of it, with the pages in reverse order: what is contiguous
 * for the driver is scattered for the device, and no address is the same by chance.
 *
 *	iova			VHC_MEM_BASE + page			the driver's
 *	guest-physical address	VHC_MEM_BASE + (pages - 1 - page)	the dirty log's
 *
 * Callers: port.c and the tests.
 */
#ifndef LIBVHC_IOMMU_H
#define LIBVHC_IOMMU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mem.h"
#include "vhc.h"

enum { VHC_IOMMU_PAGE = 4096 };

/**
 * struct vhc_iommu - an IOMMU
 * @dev: the device.
 * @alias: guest memory as the device sees it.
 * @size: its bytes.
 * @v2: messages are of version 2.
 * @capacity: translations that the device may have at a time; the oldest ones are taken away.
 * @mapped: ring buffer of the iovas that it has.
 * @first: index of the oldest one in @mapped.
 * @count: how many there are.
 * @misses: questions that were answered.
 * @invalidations: translations that were taken away.
 * @stop: eventfd that ends @thread.
 * @thread: answers.
 * @running: @thread exists.
 * @lock: of @mapped and the counters.
 */
struct vhc_iommu {
	const struct vhc_dev *dev;
	char *alias;
	uint64_t size;
	bool v2;
	unsigned int capacity;
	uint64_t *mapped;
	unsigned int first;
	unsigned int count;
	uint64_t misses;
	uint64_t invalidations;
	int stop;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
};

void vhc_iommu_create(struct vhc_iommu *iommu, const struct vhc_dev *dev,
		      const struct vhc_mem *mem, unsigned int capacity, bool v2);
void vhc_iommu_destroy(struct vhc_iommu *iommu);
struct vhost_memory *vhc_iommu_table(const struct vhc_iommu *iommu);
uint64_t vhc_iommu_gpa(const struct vhc_iommu *iommu, uint64_t iova);
void vhc_iommu_map(struct vhc_iommu *iommu, uint64_t iova, uint64_t len);
void vhc_iommu_start(struct vhc_iommu *iommu);
void vhc_iommu_stop(struct vhc_iommu *iommu);
bool vhc_iommu_read_miss(const struct vhc_iommu *iommu, struct vhost_iotlb_msg *miss);
void vhc_iommu_send(const struct vhc_iommu *iommu, const struct vhost_iotlb_msg *msg);

#endif
