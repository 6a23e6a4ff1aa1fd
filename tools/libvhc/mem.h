/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory: one or more regions, and a simple allocator.
 *
 * The regions touch each other in the guest's address space but not in ours, so that a
 * buffer across two of them is contiguous for the driver and scattered for the device.
 * Callers: driver.c, port.c, traffic.c and the tests.
 */
#ifndef LIBVHC_MEM_H
#define LIBVHC_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <linux/vhost.h>

/* Where guest memory begins; below it nothing is mapped. */
#define VHC_MEM_BASE 0x100000ULL

/**
 * struct vhc_mem - guest memory
 * @regions: how many there are.
 * @region_size: bytes in each.
 * @next: first guest address that is not allocated yet.
 * @host: where each region is mapped in this process.
 */
struct vhc_mem {
	unsigned int regions;
	uint64_t region_size;
	uint64_t next;
	void **host;
};

void vhc_mem_create(struct vhc_mem *mem, uint64_t size, unsigned int regions);
void vhc_mem_destroy(struct vhc_mem *mem);
struct vhost_memory *vhc_mem_table(const struct vhc_mem *mem);
uint64_t vhc_mem_end(const struct vhc_mem *mem);
uint64_t vhc_mem_alloc(struct vhc_mem *mem, uint64_t size, uint64_t align);
uint64_t vhc_mem_alloc_whole(struct vhc_mem *mem, uint64_t size, uint64_t align);
unsigned int vhc_max_mem_regions(void);
void *vhc_mem_host(const struct vhc_mem *mem, uint64_t addr);
void vhc_mem_write(const struct vhc_mem *mem, uint64_t addr, const void *from, size_t len);
void vhc_mem_read(const struct vhc_mem *mem, uint64_t addr, void *to, size_t len);

#endif
