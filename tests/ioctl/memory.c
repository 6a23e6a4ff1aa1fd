// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the memory table, and the log of the guest's pages that were written to.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>

#include "device.h"
#include "parts.h"

static struct vhost_memory *new_table(unsigned int regions)
{
	struct vhost_memory *table;
	unsigned int i;

	table = calloc(1, sizeof(*table) + regions * sizeof(table->regions[0]));
	assert_non_null(table);
	table->nregions = regions;
	for (i = 0; i < regions; i++) {
		table->regions[i].guest_phys_addr = i * 65536ULL;
		table->regions[i].memory_size = 65536;
		table->regions[i].userspace_addr = 0x10000000 + i * 65536ULL;
	}
	return table;
}

static void the_memory_table_holds_as_many_regions_as_vhost_says(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	unsigned int max = vhc_max_mem_regions();

	assert_result(__vhc_set_mem_table(&dev, new_table(0)), 0);
	assert_result(__vhc_set_mem_table(&dev, new_table(1)), 0);
	assert_result(__vhc_set_mem_table(&dev, new_table(max)), 0);
	assert_result(__vhc_set_mem_table(&dev, new_table(max + 1)), -E2BIG);
}

static void memory_padding_is_not_supported(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct vhost_memory *table = new_table(1);

	table->padding = 1;
	assert_result(__vhc_set_mem_table(&dev, table), -EOPNOTSUPP);
}

static void empty_and_wrapping_regions_are_a_fault(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct vhost_memory *table = new_table(1);

	table->regions[0].guest_phys_addr = 4096;
	table->regions[0].memory_size = 0;
	assert_result(__vhc_set_mem_table(&dev, table), -EFAULT);
	table->regions[0].guest_phys_addr = ~0ULL - 4095;
	table->regions[0].memory_size = 8192;
	assert_result(__vhc_set_mem_table(&dev, table), -EFAULT);
	table->regions[0].memory_size = 4096;
	assert_result(__vhc_set_mem_table(&dev, table), 0);
}

static void regions_may_overlap(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct vhost_memory *table = new_table(2);

	table->regions[1].guest_phys_addr = 4096;
	assert_result(__vhc_set_mem_table(&dev, table), 0);
}

static void one_region_may_be_all_of_user_space(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct vhost_memory *table = new_table(1);

	table->regions[0].guest_phys_addr = 4096;
	table->regions[0].userspace_addr = 4096;
	table->regions[0].memory_size = 0x7ffffffff000ULL - 4096;
	assert_result(__vhc_set_mem_table(&dev, table), 0);
}

static void memory_of_the_kernel_is_a_fault_while_running(const struct variant *variant)
{
	struct vhost_memory *table = new_table(1);
	struct vhc_port port;

	set_up(&port, variant);
	vhc_port_start(&port);
	table->regions[0].userspace_addr = KERNEL_ADDRESS;
	assert_result(__vhc_set_mem_table(&port.dev, table), -EFAULT);
	vhc_port_close(&port);
}

static void a_memory_table_that_cannot_be_read_is_a_fault(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	long page = sysconf(_SC_PAGESIZE);
	struct vhost_memory *table;
	char *two;

	two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(two, MAP_FAILED);
	assert_int_equal(mprotect(two + page, page, PROT_NONE), 0);
	table = (void *)(two + page - sizeof(*table));
	table->nregions = 1;
	assert_result(__vhc_set_mem_table(&dev, table), -EFAULT);
}

static void the_log_base_is_accepted_before_rings(const struct variant *variant)
{
	static char log[4096];
	struct vhc_dev dev = owned(variant);

	assert_result(__vhc_set_log_base(&dev, (uintptr_t)log), 0);
}

static void a_log_in_kernel_memory_is_a_fault_while_running(const struct variant *variant)
{
	static char log[1 << 20];
	struct vhc_port port;

	set_up(&port, variant);
	vhc_set_log_base(&port.dev, (uintptr_t)log);
	vhc_set_features(&port.dev, port.features | VHC_F_LOG_ALL);
	vhc_port_start(&port);
	assert_result(__vhc_set_log_base(&port.dev, KERNEL_ADDRESS), -EFAULT);
	assert_result(__vhc_set_log_base(&port.dev, (uintptr_t)log), 0);
	vhc_port_close(&port);
}

static const struct claim claims[] = {
	ON(ON_BOTH, the_memory_table_holds_as_many_regions_as_vhost_says),
	ON(ON_BOTH, memory_padding_is_not_supported),
	ON(ON_BOTH, empty_and_wrapping_regions_are_a_fault),
	ON(ON_BOTH, regions_may_overlap),
	ON(ON_BOTH, one_region_may_be_all_of_user_space),
	RINGS(ON_BOTH, memory_of_the_kernel_is_a_fault_while_running),
	ON(ON_BOTH, a_memory_table_that_cannot_be_read_is_a_fault),
	ON(ON_BOTH, the_log_base_is_accepted_before_rings),
	RINGS(ON_BOTH, a_log_in_kernel_memory_is_a_fault_while_running),
};

const struct part about_memory = PART(claims);
