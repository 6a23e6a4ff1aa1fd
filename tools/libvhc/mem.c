// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: regions, the table that vhost gets of them, and a simple allocator.
 *
 * Callers: driver.c, port.c, traffic.c and the tests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "mem.h"
#include "vhc.h"

/* Maps a region with an inaccessible page before and after it. */
static void *map_region(uint64_t size)
{
	long page = sysconf(_SC_PAGESIZE);
	char *hull, *inner;

	hull = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (hull == MAP_FAILED)
		vhc_fail("guest memory: mmap of %llu bytes: %s", (unsigned long long)size,
			 strerror(errno));
	inner = mmap(hull + page, size, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	if (inner == MAP_FAILED)
		vhc_fail("guest memory: mmap of %llu bytes: %s", (unsigned long long)size,
			 strerror(errno));
	return inner;
}

/**
 * vhc_mem_create() - make guest memory
 * @mem: filled.
 * @size: bytes in all; rounded up so that all regions have the same whole pages.
 * @regions: how many regions.
 */
void vhc_mem_create(struct vhc_mem *mem, uint64_t size, unsigned int regions)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	unsigned int i;

	mem->regions = regions;
	mem->region_size = (size / regions + page - 1) / page * page;
	mem->next = VHC_MEM_BASE;
	mem->host = calloc(regions, sizeof(*mem->host));
	if (!mem->host)
		vhc_fail("out of memory");
	for (i = 0; i < regions; i++)
		mem->host[i] = map_region(mem->region_size);
}

/**
 * vhc_mem_destroy() - unmap guest memory
 * @mem: the memory; the device must not use it any more.
 */
void vhc_mem_destroy(struct vhc_mem *mem)
{
	long page = sysconf(_SC_PAGESIZE);
	unsigned int i;

	for (i = 0; i < mem->regions; i++)
		munmap((char *)mem->host[i] - page, mem->region_size + 2 * page);
	free(mem->host);
	memset(mem, 0, sizeof(*mem));
}

/**
 * vhc_mem_table() - the argument of VHOST_SET_MEM_TABLE
 * @mem: the memory.
 *
 * Return: a table with all regions; the caller frees it.
 */
struct vhost_memory *vhc_mem_table(const struct vhc_mem *mem)
{
	struct vhost_memory *table;
	unsigned int i;

	table = calloc(1, sizeof(*table) + mem->regions * sizeof(table->regions[0]));
	if (!table)
		vhc_fail("out of memory");
	table->nregions = mem->regions;
	for (i = 0; i < mem->regions; i++) {
		table->regions[i].guest_phys_addr = VHC_MEM_BASE + i * mem->region_size;
		table->regions[i].memory_size = mem->region_size;
		table->regions[i].userspace_addr = (uintptr_t)mem->host[i];
	}
	return table;
}

/**
 * vhc_mem_end() - where guest memory ends
 * @mem: the memory.
 *
 * Return: the first guest address behind it.
 */
uint64_t vhc_mem_end(const struct vhc_mem *mem)
{
	return VHC_MEM_BASE + mem->regions * mem->region_size;
}

/**
 * vhc_mem_alloc() - take guest memory, possibly across regions
 * @mem: the memory.
 * @size: bytes.
 * @align: power of 2.
 *
 * Return: the guest address.
 */
uint64_t vhc_mem_alloc(struct vhc_mem *mem, uint64_t size, uint64_t align)
{
	uint64_t addr = (mem->next + align - 1) & ~(align - 1);

	if (addr + size > vhc_mem_end(mem))
		vhc_fail("guest memory of %llu bytes is too small: ask for smaller rings or frames",
			 (unsigned long long)(mem->regions * mem->region_size));
	mem->next = addr + size;
	return addr;
}

/**
 * vhc_mem_alloc_whole() - take guest memory inside of one region
 * @mem: the memory.
 * @size: bytes; at most a region.
 * @align: power of 2.
 *
 * Return: the guest address.
 */
uint64_t vhc_mem_alloc_whole(struct vhc_mem *mem, uint64_t size, uint64_t align)
{
	uint64_t offset = (mem->next - VHC_MEM_BASE) % mem->region_size;

	if (offset + size + align > mem->region_size)
		mem->next += mem->region_size - offset;
	return vhc_mem_alloc(mem, size, align);
}

/**
 * vhc_mem_host() - where this process sees a guest address
 * @mem: the memory.
 * @addr: the guest address, inside of the memory.
 *
 * Return: a pointer, valid up to the end of the address's region.
 */
void *vhc_mem_host(const struct vhc_mem *mem, uint64_t addr)
{
	uint64_t offset = addr - VHC_MEM_BASE;

	return (char *)mem->host[offset / mem->region_size] + offset % mem->region_size;
}

static size_t piece(const struct vhc_mem *mem, uint64_t addr, size_t len)
{
	uint64_t left = mem->region_size - (addr - VHC_MEM_BASE) % mem->region_size;

	return left < len ? left : len;
}

/**
 * vhc_mem_write() - copy into guest memory
 * @mem: the memory.
 * @addr: the guest address.
 * @from: what.
 * @len: bytes.
 */
void vhc_mem_write(const struct vhc_mem *mem, uint64_t addr, const void *from, size_t len)
{
	size_t done, n;

	for (done = 0; done < len; done += n) {
		n = piece(mem, addr + done, len - done);
		memcpy(vhc_mem_host(mem, addr + done), (const char *)from + done, n);
	}
}

/**
 * vhc_mem_read() - copy out of guest memory
 * @mem: the memory.
 * @addr: the guest address.
 * @to: where to.
 * @len: bytes.
 */
void vhc_mem_read(const struct vhc_mem *mem, uint64_t addr, void *to, size_t len)
{
	size_t done, n;

	for (done = 0; done < len; done += n) {
		n = piece(mem, addr + done, len - done);
		memcpy((char *)to + done, vhc_mem_host(mem, addr + done), n);
	}
}

/**
 * vhc_max_mem_regions() - how many regions a memory table may have
 *
 * Return: what vhost.ko's parameter says.
 */
unsigned int vhc_max_mem_regions(void)
{
	FILE *in = fopen("/sys/module/vhost/parameters/max_mem_regions", "re");
	unsigned int max;

	if (!in || fscanf(in, "%u", &max) != 1)
		vhc_fail("vhost's max_mem_regions cannot be read; is vhost.ko loaded?");
	fclose(in);
	return max;
}
