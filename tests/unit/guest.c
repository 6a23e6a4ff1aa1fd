// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: see guest.h. Called by the engine through shim/linux/uaccess.h, and by
 * the tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <linux/uaccess.h>

#include "guest.h"

char shim_order;	/* asm/barrier.h */

__thread unsigned long guest_accesses;

struct range {
	const char *start;
	size_t size;
	bool owned;
};

static struct range ranges[16];
static unsigned int range_num;

static struct range fault;
static bool fault_write;

/* The section that is open on this thread; nothing may be accessed outside of it. */
static __thread struct range section;
static __thread bool section_open, section_write;

static void violation(const char *what, const void *start, size_t size)
{
	fprintf(stderr, "guest memory: %s: %p, %zu bytes\n", what, start, size);
	abort();
}

static bool inside(const struct range *range, const void *start, size_t size)
{
	const char *p = start;

	return p >= range->start && size <= range->size &&
	       (size_t)(p - range->start) <= range->size - size;
}

static bool overlaps(const struct range *range, const void *start, size_t size)
{
	const char *p = start;

	return p < range->start + range->size && range->start < p + size;
}

static void check_mapped(const void *start, size_t size)
{
	unsigned int i;

	guest_accesses++;
	for (i = 0; i < range_num; i++) {
		if (inside(&ranges[i], start, size))
			return;
	}
	violation("access outside", start, size);
}

static bool faults(const void *start, size_t size, bool write)
{
	return fault.size && write == fault_write && overlaps(&fault, start, size);
}

/* Fails if all of it faults: it is not user memory then. */
bool guest_section_begin(const void *start, size_t size, bool write)
{
	if (section_open)
		violation("section in a section", start, size);
	check_mapped(start, size);
	if (write == fault_write && inside(&fault, start, size))
		return false;
	section = (struct range){ .start = start, .size = size };
	section_open = true;
	section_write = write;
	return true;
}

bool guest_section_word(const void *word, size_t size, size_t align, bool write)
{
	if (!section_open || section_write != write)
		violation("no section for this", word, size);
	/* Of a scattered ring, one byte is opened for all of its pages. */
	if (section.size == 1)
		check_mapped(word, size);
	else if (!inside(&section, word, size))
		violation("access outside of the section", word, size);
	if ((unsigned long)word % align)
		violation("misaligned", word, size);
	guest_accesses++;
	return !faults(word, size, write);
}

void guest_section_end(bool write)
{
	if (!section_open || section_write != write)
		violation("end of no section", section.start, section.size);
	section_open = false;
}

bool guest_access(const void *start, size_t size, bool write)
{
	if (section_open)
		violation("function called in a section", start, size);
	check_mapped(start, size);
	return !faults(start, size, write);
}

/* Did the engine close the section that it opened? */
bool guest_idle(void)
{
	return !section_open;
}

static void add_range(const void *start, size_t size, bool owned)
{
	if (range_num == ARRAY_SIZE(ranges))
		violation("too many ranges", start, size);
	ranges[range_num++] = (struct range){ .start = start, .size = size, .owned = owned };
}

/* Memory that the engine may touch; the sanitizer guards its ends. Zeroed. */
void *guest_alloc(size_t size)
{
	size_t round = (size + 15) & ~(size_t)15;
	char *p = aligned_alloc(16, round);

	if (!p)
		abort();
	memset(p, 0, round);
	add_range(p, size, true);
	return p;
}

/* The same for memory that the caller owns. */
void guest_share(const void *start, size_t size)
{
	add_range(start, size, false);
}

void guest_free_all(void)
{
	while (range_num) {
		struct range *range = &ranges[--range_num];

		if (range->owned)
			free((void *)range->start);
	}
	guest_fault_off();
}

/* Reads, or writes, that overlap the range fail until guest_fault_off(). */
void guest_fault_at(const void *start, size_t size, bool write)
{
	fault = (struct range){ .start = start, .size = size };
	fault_write = write;
}

void guest_fault_off(void)
{
	fault.size = 0;
}

int guest_translate(void *opaque, u64 addr, bool write, struct vhc_window *window)
{
	struct guest_map *map = opaque;
	unsigned int i;

	map->calls++;
	if (section_open)
		violation("translation in a section", section.start, section.size);
	map->last_write = write;
	if (addr - map->again_start < map->again_size)
		return -EAGAIN;
	for (i = 0; i < map->num; i++) {
		if (addr >= map->window[i].start && addr <= map->window[i].last) {
			*window = map->window[i];
			return 0;
		}
	}
	return -EFAULT;
}
