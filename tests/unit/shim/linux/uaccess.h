/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access to guest memory as the engine sees it; guest.c decides what is allowed. Unit
 * tests only.
 *
 * Words of 16 bits are atomic, and those outside of sections, since driver and device race for
 * indices, flags and event words by design. All else is plain, as it is on the driver's side:
 * barriers alone must order them, and the thread sanitizer checks that they do.
 */
#ifndef SHIM_LINUX_UACCESS_H
#define SHIM_LINUX_UACCESS_H

#include <errno.h>
#include <string.h>
#include <linux/types.h>

bool guest_section_begin(const void *start, size_t size, bool write);
bool guest_section_word(const void *word, size_t size, size_t align, bool write);
void guest_section_end(bool write);
bool guest_access(const void *start, size_t size, bool write);

#define user_read_access_begin(p, size)		guest_section_begin(p, size, false)
#define user_read_access_end()			guest_section_end(false)
#define user_write_access_begin(p, size)	guest_section_begin(p, size, true)
#define user_write_access_end()			guest_section_end(true)

#define unsafe_get_user(x, p, label) do {				\
	if (!guest_section_word(p, sizeof(*(p)), __alignof__(*(p)), false))	\
		goto label;						\
	if (sizeof(*(p)) == sizeof(u16))				\
		(x) = __atomic_load_n(p, __ATOMIC_RELAXED);		\
	else								\
		__builtin_memcpy(&(x), p, sizeof(*(p)));		\
} while (0)

/* Of eight bytes, a packed ring's length, id and flags, the last two are flags. */
static inline void guest_store(void *to, u64 value, size_t size)
{
	switch (size) {
	case sizeof(u16):
		__atomic_store_n((u16 *)to, value, __ATOMIC_RELAXED);
		break;
	case sizeof(u32):
		*(volatile u32 *)to = value;
		break;
	case sizeof(u64):
		memcpy(to, &value, 6);
		__atomic_store_n((u16 *)to + 3, value >> 48, __ATOMIC_RELAXED);
		break;
	default:
		memcpy(to, &value, size);
	}
}

#define unsafe_put_user(x, p, label) do {				\
	if (!guest_section_word(p, sizeof(*(p)), __alignof__(*(p)), true))	\
		goto label;						\
	guest_store(p, x, sizeof(*(p)));				\
} while (0)

#define get_user(x, p) ({						\
	bool get_ok = guest_access(p, sizeof(*(p)), false);		\
	if (get_ok)							\
		(x) = __atomic_load_n(p, __ATOMIC_RELAXED);		\
	get_ok ? 0 : -EFAULT; })

#define put_user(x, p) ({						\
	bool put_ok = guest_access(p, sizeof(*(p)), true);		\
	if (put_ok)							\
		__atomic_store_n(p, x, __ATOMIC_RELAXED);		\
	put_ok ? 0 : -EFAULT; })

static inline unsigned long _copy_to_user(void *to, const void *from, unsigned long size)
{
	if (!guest_access(to, size, true))
		return size;
	memcpy(to, from, size);
	return 0;
}

static inline unsigned long _copy_from_user(void *to, const void *from, unsigned long size)
{
	if (!guest_access(from, size, false))
		return size;
	memcpy(to, from, size);
	return 0;
}

#endif
