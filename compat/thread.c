// SPDX-License-Identifier: GPL-2.0
/*
 * A virtqueue's own thread, for kernels whose vhost core has one worker for each device.
 *
 * It is one of the kernel's kthread_workers. Wake-ups go there directly, as a poll's wait entry
 * calls a function of ours; what the core itself queues (a kick that was there before its poll
 * was, an IOTLB's answer) goes by way of its worker, which passes it on.
 *
 * Called by worker.c, which starts and stops it, under dev->mutex, and by whoever uses polls, in
 * any context. A poll that is on has a queue whose thread stays: it is started before there are
 * kicks and sockets, and stopped when there are none any more. So vhc_route.worker needs no lock.
 */
#include <linux/cgroup.h>
#include <linux/lockdep.h>
#include <linux/sched.h>

#include "thread.h"

static void route_run(struct kthread_work *work)
{
	struct vhc_route *route = container_of(work, struct vhc_route, work);

	route->fn(&route->poll->work);
}

/* The core's worker was asked for it. */
static void route_forward(struct vhost_work *work)
{
	struct vhost_poll *poll = container_of(work, struct vhost_poll, work);
	struct vhc_route *route = poll->wait.private;

	if (route->worker)
		kthread_queue_work(route->worker, &route->work);
	else
		route->fn(work);
}

static int route_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct vhost_poll *poll = container_of(wait, struct vhost_poll, wait);

	if (key_to_poll(key) & poll->mask)
		vhc_poll_queue(poll);
	return 0;
}

static void route_init(struct vhc_route *route, struct vhost_poll *poll)
{
	route->poll = poll;
	route->fn = poll->work.fn;
	route->worker = NULL;
	poll->work.fn = route_forward;
	poll->wait.private = route;
	poll->wait.func = route_wakeup;
}

static void route_start(struct vhc_route *route, struct kthread_worker *worker)
{
	/* It remembers the worker that it was queued to last. */
	kthread_init_work(&route->work, route_run);
	route->worker = worker;
}

/**
 * vhc_thread_init() - let a virtqueue's work find its thread, once it has one
 * @thread: the thread.
 * @kick: the virtqueue's poll.
 * @sock: its socket's.
 * @signal: one that waits for no file. The core has set up all of them, and none is on.
 */
void vhc_thread_init(struct vhc_thread *thread, struct vhost_poll *kick,
		     struct vhost_poll *sock, struct vhost_poll *signal)
{
	thread->worker = NULL;
	route_init(&thread->kick, kick);
	route_init(&thread->sock, sock);
	route_init(&thread->signal, signal);
}

/* What the thread does for itself. */
struct mm_work {
	struct kthread_work work;
	struct mm_struct *mm;
};

static void use_mm(struct kthread_work *work)
{
	kthread_use_mm(container_of(work, struct mm_work, work)->mm);
}

static void unuse_mm(struct kthread_work *work)
{
	kthread_unuse_mm(container_of(work, struct mm_work, work)->mm);
}

static void run_with_mm(struct vhc_thread *thread, kthread_work_func_t fn)
{
	struct mm_work mm_work = { .mm = thread->mm };

	kthread_init_work(&mm_work.work, fn);
	kthread_queue_work(thread->worker, &mm_work.work);
	kthread_flush_work(&mm_work.work);
}

/**
 * vhc_thread_start() - a new owner's queue gets a thread of its own
 * @thread: the queue's.
 * @vq: the queue; it has neither a kick nor a socket yet.
 *
 * Named as the core's worker, in the same cgroups, whose CPUs are the only ones that bind it, and
 * with the same memory, which the core holds until it forgets the owner.
 *
 * Context: process, the owner; dev->mutex is held.
 * Return: 0, or why there is none; -EINTR if the owner is being killed.
 */
int vhc_thread_start(struct vhc_thread *thread, struct vhost_virtqueue *vq)
{
	struct kthread_worker *worker;
	int err;

	lockdep_assert_held(&vq->dev->mutex);
	worker = kthread_create_worker(0, "vhost-%d", task_pid_nr(current));
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	err = cgroup_attach_task_all(current, worker->task);
	if (err) {
		kthread_destroy_worker(worker);
		return err;
	}
	thread->worker = worker;
	thread->mm = vq->dev->mm;
	run_with_mm(thread, use_mm);
	route_start(&thread->kick, worker);
	route_start(&thread->sock, worker);
	route_start(&thread->signal, worker);
	return 0;
}

/**
 * vhc_thread_flush() - wait for all that was queued up to now
 * @thread: the thread; what the core's worker had to pass on was flushed before.
 *
 * Context: process.
 */
void vhc_thread_flush(struct vhc_thread *thread)
{
	if (thread->worker)
		kthread_flush_worker(thread->worker);
}

/**
 * vhc_thread_stop() - the end of the thread, if there is one
 * @thread: the thread. All polls of its queue are off, and the core's worker was flushed.
 *
 * Context: process; dev->mutex is held, and the core still has the owner's memory.
 */
void vhc_thread_stop(struct vhc_thread *thread)
{
	if (!thread->worker)
		return;
	kthread_flush_worker(thread->worker);
	run_with_mm(thread, unuse_mm);
	thread->kick.worker = NULL;
	thread->sock.worker = NULL;
	thread->signal.worker = NULL;
	kthread_destroy_worker(thread->worker);
	thread->worker = NULL;
}

/**
 * vhc_poll_queue() - have a poll's function run
 * @poll: the poll; of a queue that vhc_thread_init() knows.
 *
 * Context: any.
 */
void vhc_poll_queue(struct vhost_poll *poll)
{
	struct vhc_route *route = poll->wait.private;

	if (route->worker)
		kthread_queue_work(route->worker, &route->work);
	else
		vhost_poll_queue(poll);
}

/**
 * vhc_poll_start() - have a poll's function run when a file is ready, and now if it is
 * @poll: the poll, as above; nothing happens if it is on.
 * @file: the file.
 *
 * As vhost_poll_start(), which would queue the work of a file that is ready to the core's worker.
 *
 * Context: process.
 * Return: 0, or -EINVAL if the file is in error; then it is not polled.
 */
int vhc_poll_start(struct vhost_poll *poll, struct file *file)
{
	__poll_t ready;

	if (poll->wqh)
		return 0;
	ready = vfs_poll(file, &poll->table);
	if (ready & poll->mask)
		vhc_poll_queue(poll);
	if (!(ready & EPOLLERR))
		return 0;
	vhost_poll_stop(poll);
	return -EINVAL;
}

/**
 * vhc_has_work() - does somebody else want the thread that serves a virtqueue?
 * @vq: the virtqueue.
 *
 * Context: any.
 */
bool vhc_has_work(struct vhost_virtqueue *vq)
{
	struct vhc_route *route = vq->poll.wait.private;

	return route->worker ? !list_empty(&route->worker->work_list) : vhost_has_work(vq->dev);
}
