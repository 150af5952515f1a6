//! One turn of the loop, and running until somebody calls `stop()`.
//!
//! While there is work the loop does not ask the kernel in every turn (`pacing`); before it would wait it always does.
//! The wait is the only place where the GIL is released.

use std::time::Duration;

use ferraio_core::clock::{coarse_nanos, monotonic_nanos};

use super::{EventLoop, LONGEST_WAIT, Ready, Timer, schedule};
use crate::error::Error;
use crate::ffi::{Import, Name, Obj, Own, Result, class, current_task, exception, thread};
use crate::handle::Handle;
use crate::method;

/// How many entries ahead of the one that runs the next ones are fetched from memory, and what those lead to.
const PREFETCHED: usize = 4;
const PREFETCHED_FURTHER: usize = 2;

/// A loop that runs: watched until this goes.
struct Watched<'a>(&'a EventLoop);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        drop(self.0.watching.take());
    }
}

impl Own<EventLoop> {
    fn run_turn(&self) -> Result<()> {
        self.poll_if_due()?;
        schedule::take_posts(self);
        if !self.timers.borrow().is_empty() {
            self.collect_due_timers()?;
        }
        let observed =
            if self.debug() { Some(self.handle_is_patched()?) } else { self.handle_is_patched()?.then_some(true) };
        let todo = self.ring.borrow().len();
        let pulse = self.pulse.get();
        if let Some(pulse) = pulse {
            pulse.turn(todo);
        }
        for _ in 0..todo {
            let ready = {
                let mut ring = self.ring.borrow_mut();
                if let Some(soon) = ring.get(PREFETCHED) {
                    soon.prefetch();
                }
                if let Some(sooner) = ring.get(PREFETCHED_FURTHER) {
                    sooner.prefetch_further();
                }
                let Some(ready) = ring.pop() else { break };
                ready
            };
            if let Some(pulse) = pulse {
                pulse.step();
            }
            match observed {
                None => ready.run(self)?,
                Some(patched) => run_observed(self, ready, patched)?,
            }
        }
        Ok(())
    }

    fn run_until_stopped(&self) -> Result<()> {
        self.check_process()?;
        self.begin_to_be_watched()?;
        let _watched = Watched(self);
        self.note_observing();
        // Each run sees what is ready when it begins, however short it is.
        if !self.ring.borrow().is_empty() {
            self.poll(Some(Duration::ZERO))?;
            self.pacing.borrow_mut().polled(monotonic_nanos);
        }
        let outcome = loop {
            if let Err(raised) = self.run_turn() {
                break Err(raised);
            }
            if self.stopping.get() {
                break Ok(());
            }
        };
        self.leave_task_after(outcome)
    }

    /// Runs one turn, perhaps in the middle of another one (`nest_asyncio`): the task whose step waits for this is not
    /// the current one meanwhile, and is again afterwards.
    fn run_once(&self) -> Result<()> {
        let interrupted = current_task::get(self.obj())?;
        let was_ours = self.task_is_current.replace(false);
        if interrupted.is_some() {
            current_task::clear(self.obj(), self.hash.get())?;
        }
        let outcome = self.leave_task_after(self.run_turn());
        if let Some(task) = interrupted {
            current_task::set(self.obj(), self.hash.get(), &task)?;
            self.task_is_current.set(was_ours);
        }
        outcome
    }

    fn leave_task_after(&self, outcome: Result<()>) -> Result<()> {
        match outcome {
            Ok(()) => self.leave_task(),
            Err(raised) => {
                let error = raised.take();
                self.leave_task()?;
                Err(crate::ffi::Raised::exception(error))
            }
        }
    }

    /// Asks the kernel which fds are ready: if there is nothing else to do, or not for a while.
    #[inline]
    fn poll_if_due(&self) -> Result<()> {
        let busy = self.stopping.get() || !self.ring.borrow().is_empty();
        if busy && !self.pacing.borrow_mut().poll_now(monotonic_nanos) {
            return Ok(());
        }
        let mut timeout = if busy { Some(Duration::ZERO) } else { self.time_to_wait()? };
        if self.is_observed() {
            timeout = self.look(timeout)?;
        } else if self.next_look.get().is_finite() {
            timeout = self.begin_to_diagnose(timeout)?;
        }
        self.poll(timeout)?;
        self.pacing.borrow_mut().polled(monotonic_nanos);
        Ok(())
    }

    /// How long until the first timer; `None`: for ever.
    pub(super) fn time_to_wait(&self) -> Result<Option<Duration>> {
        self.drop_cancelled_timers();
        let Some(when) = self.timers.borrow().peek().map(|(when, _)| when) else { return Ok(None) };
        let seconds = when - EventLoop::now(self)?;
        Ok(Some(if seconds > 0.0 { Duration::from_secs_f64(seconds.min(LONGEST_WAIT)) } else { Duration::ZERO }))
    }

    fn drop_cancelled_timers(&self) {
        loop {
            let dead = {
                let mut timers = self.timers.borrow_mut();
                match timers.peek() {
                    Some((_, timer)) if !timer.is_alive() => {
                        timers.note_removed_cancelled();
                        timers.pop()
                    }
                    _ => return,
                }
            };
            if let Some((_, timer)) = dead {
                timer.unscheduled();
            }
        }
    }

    /// Waits for fds, and puts what is ready on the ring.
    fn poll(&self, timeout: Option<Duration>) -> Result<()> {
        self.check_process()?;
        let Some((poller, mut events)) = self.prepare_poll()? else { return Ok(()) };
        let wait = timeout != Some(Duration::ZERO);
        let shared = self.shared.borrow().clone();
        let outcome = match shared {
            // Whoever posts from now on rings the waker.
            Some(shared) if wait => {
                self.leave_task()?;
                exception::check_signals()?;
                let timeout = if shared.inbox.prepare_sleep() { timeout } else { Some(Duration::ZERO) };
                if let Some(pulse) = self.pulse.get() {
                    pulse.rest();
                }
                let outcome = thread::detached(|| poller.wait(&mut events, timeout));
                if let Some(pulse) = self.pulse.get() {
                    pulse.wake();
                }
                shared.inbox.wake_up();
                outcome
            }
            _ => poller.wait(&mut events, Some(Duration::ZERO)),
        };
        if let Some(pulse) = self.pulse.get() {
            pulse.go_on(coarse_nanos());
        }
        match outcome {
            Ok(_) => self.collect_events(events),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                self.keep_events(events);
                exception::check_signals()
            }
            Err(error) => {
                self.keep_events(events);
                Err(Error::from(error).raise())
            }
        }
    }

    fn collect_due_timers(&self) -> Result<()> {
        let now = EventLoop::now(self)?;
        loop {
            let (due, some_are_cancelled) = {
                let mut timers = self.timers.borrow_mut();
                let due = timers.pop_due(now);
                if let Some((_, next)) = timers.peek() {
                    next.prefetch();
                }
                (due, timers.some_are_cancelled())
            };
            let Some(timer) = due else { return Ok(()) };
            timer.unscheduled();
            // To look at a sleep is to wait for memory (`tasks.sleep` in the benches); when it is run, it is looked at again.
            if some_are_cancelled && !timer.is_alive() {
                self.timers.borrow_mut().note_removed_cancelled();
                continue;
            }
            match timer {
                Timer::Handle(handle) => self.push(|| Ready::Handle(handle.upcast::<Handle>().clone())),
                Timer::Sleep(future) => self.push(|| Ready::Awake(future)),
            }
        }
    }

    /// Has somebody replaced `asyncio.Handle._run` (to measure callbacks)? The class's version tells cheaply that
    /// nothing has changed since we last looked.
    #[inline(always)]
    fn handle_is_patched(&self) -> Result<bool> {
        static HANDLE: Import = Import::new("asyncio.events", "Handle");
        let handle = HANDLE.get()?;
        let (seen, patched) = self.handle_version.get();
        let version = class::version(handle);
        if version == seen && version != 0 {
            return Ok(patched);
        }
        self.look_at_handle(handle)
    }

    #[cold]
    fn look_at_handle(&self, handle: &Obj) -> Result<bool> {
        static ORIGINAL: Import = Import::new("ferraio._cold", "ORIGINAL_RUN");
        static RUN: Name = Name::new("_run");
        let patched = !handle.attr(&RUN)?.is(ORIGINAL.get()?);
        self.handle_version.set((class::version(handle), patched));
        Ok(patched)
    }
}

fn run_observed(this: &Own<EventLoop>, ready: Ready, patched: bool) -> Result<()> {
    let cancelled = match &ready {
        Ready::Handle(handle) => handle.is_cancelled(),
        Ready::ThreadSafe(handle) => handle.upcast::<Handle>().is_cancelled(),
        _ => false,
    };
    if cancelled { Ok(()) } else { ready.run_observed(this, patched) }
}

fn run_once(this: &Own<EventLoop>) -> Result<Obj> {
    Own::run_once(this)?;
    Ok(Obj::none())
}

fn run_turns(this: &Own<EventLoop>) -> Result<Obj> {
    this.run_until_stopped()?;
    Ok(Obj::none())
}

pub(super) fn methods() -> Vec<pyo3_ffi::PyMethodDef> {
    vec![
        method!(EventLoop, "_run_once", noargs, run_once, "Run one turn."),
        method!(EventLoop, "_run_turns", noargs, run_turns, "Run turns until stop() is called."),
    ]
}
