/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Barriers between the driver's and the device's thread. Unit tests only.
 *
 * The thread sanitizer does not understand fences. For it, a write barrier releases, and
 * a read barrier acquires, one token: what one side did before its barrier is then known
 * to come before what the other does after its own. A missing barrier is a reported race.
 */
#ifndef SHIM_ASM_BARRIER_H
#define SHIM_ASM_BARRIER_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHIM_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define SHIM_TSAN 1
#endif

#ifdef SHIM_TSAN
extern char shim_order;
void __tsan_acquire(void *token);
void __tsan_release(void *token);

#define smp_rmb()	__tsan_acquire(&shim_order)
#define smp_wmb()	__tsan_release(&shim_order)
#define smp_mb() do {				\
	__tsan_release(&shim_order);		\
	__sync_synchronize();			\
	__tsan_acquire(&shim_order);		\
} while (0)
#else
#define smp_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#endif
