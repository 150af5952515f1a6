//! The watchdog: a thread that sees a blocked loop while it is blocked, and tells which line blocks it.
//!
//! It needs no interpreter: it looks at the pulse of each loop that runs ([`Pulse`]), decides ([`Stall`]) and asks the
//! kernel what the loop's thread does ([`Activity`]). What it finds becomes a [`Report`], for which a thread of
//! `ferraio.diagnose.blocked_loop` waits in `_next_report`. That thread does need the interpreter, to look at frames and
//! tasks. Most calls that block give it away meanwhile, and Python code does when it is asked to. If nobody has fetched a
//! report after a while, the blocking call holds the interpreter: then the watchdog reads the stack from memory, and tells
//! on stderr itself what it knows; the report follows when the block is over.
//!
//! The lists below are locked for moments only; attached threads never let go of the interpreter meanwhile, so that
//! after a fork (before which the watchdog is stopped) nobody holds them.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ferraio_core::activity::{Activity, Wait, computed_nanos, system_call, thread_number};
use ferraio_core::clock::{coarse_nanos, monotonic_nanos};
use ferraio_core::pulse::{Beat, Pulse};
use ferraio_core::stall::{Inquiry, Stall, TICK, Verdict};
use ferraio_core::sys::alarm::{self, Alarm};

use super::stack::{self, Frame};
use crate::error::Error;
use crate::event_loop::EventLoop;
use crate::ffi::thread::{ThreadState, attach_for_a_moment, detached, ident};
use crate::ffi::{Args, Import, Name, Obj, Own, Result};
use crate::function;

/// The loops that run.
static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());
/// The watchdog, while diagnosing is on.
static WATCHDOG: Mutex<Option<Arc<Watchdog>>> = Mutex::new(None);

/// How long it takes at most until Python code gives the interpreter away: longer than `sys.getswitchinterval()`.
const PATIENCE: u64 = 5_500_000;

/// For so long the interpreter is kept rather than given away and waited for again, in nanoseconds.
const MOMENT: u64 = 1_000_000;

/// When a step is to be reported after `slow` nanoseconds, then from how long on it counts as blocked. What is left is the
/// time in which it shows whether somebody can fetch the report, who then waits until it is due.
fn alarm_threshold(slow: u64) -> u64 {
    slow.saturating_sub(PATIENCE).max(slow / 2)
}

/// How long a stopping watchdog is waited for: it may be busy writing to a stderr that nobody reads.
const LONGEST_GOODBYE: Duration = Duration::from_secs(1);

struct Watchdog {
    /// Each has another one.
    number: u64,
    /// From how long on a step is reported, in nanoseconds.
    slow: u64,
    /// Where files are that are not the program's own.
    libraries: Vec<String>,
    /// The form in which to tell on stderr what cannot be told by Python code, and whether in colours; empty: not at all.
    form: String,
    colour: bool,
    /// The thread that fetches reports; 0 until it came.
    fetcher: AtomicI32,
    /// Can stacks be read from memory?
    reads_stacks: bool,
    /// What nobody has fetched yet.
    reports: Mutex<VecDeque<Report>>,
    /// There is a report, or the end has come, or the thread has ended.
    news: Condvar,
    /// Wakes the thread, once it is there.
    alarm: Mutex<Option<Alarm>>,
    /// The end has come.
    stopped: AtomicBool,
    /// The thread has nothing more to do.
    ended: AtomicBool,
    /// The thread, to be waited for once it has nothing more to do.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A loop that runs.
struct Watched {
    pulse: Arc<Pulse>,
    /// Its thread, as the kernel and as Python know it.
    thread: i32,
    ident: u64,
    state: ThreadState,
    stall: Stall,
    /// The report of its block, until it is known to have been fetched.
    reported: Option<Reported>,
}

/// A report that somebody has to fetch.
struct Reported {
    beat: Beat,
    /// Since when whoever fetches it has waited for the interpreter, and what the loop's thread had computed then.
    since: u64,
    computed: u64,
}

/// What there is to tell about a block.
enum Report {
    Blocked {
        pulse: Arc<Pulse>,
        beat: Beat,
        ident: u64,
        /// How long it had taken, and when that was.
        nanos: u64,
        seen: u64,
        activity: Activity,
        /// Only if the call holds the interpreter: the stack, and whether it was told on stderr.
        told: Option<(Vec<Frame>, bool)>,
    },
    /// The same step sleeps in another call now.
    Elsewhere {
        pulse: Arc<Pulse>,
        beat: Beat,
        ident: u64,
        activity: Activity,
    },
    Over {
        ident: u64,
        nanos: u64,
    },
}

/// A loop is watched for as long as this is there.
pub struct Watching(Arc<Pulse>);

/// Begins to watch a loop that this thread is going to run, if diagnosing is on.
pub fn watch(event_loop: &Own<EventLoop>) -> Result<Option<Watching>> {
    static BEGIN_RUN: Import = Import::new("ferraio.diagnose.blocked_loop", "begin_run");
    if locked(&WATCHDOG).is_none() {
        return Ok(None);
    }
    BEGIN_RUN.get()?.call([event_loop.obj()])?;
    let Some(watchdog) = locked(&WATCHDOG).clone() else { return Ok(None) };
    let pulse = event_loop.pulse();
    locked(&WATCHED).push(Watched {
        pulse: Arc::clone(pulse),
        thread: thread_number(),
        ident: ident(),
        state: ThreadState::current(),
        stall: Stall::new(alarm_threshold(watchdog.slow)),
        reported: None,
    });
    pulse.wake();
    if pulse.has_alarm_of(watchdog.number) {
        pulse.go_on(coarse_nanos());
    } else {
        // It gives us one.
        watchdog.wake();
    }
    Ok(Some(Watching(Arc::clone(pulse))))
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.rest();
        let watchdog = locked(&WATCHDOG).clone();
        let mut watched = locked(&WATCHED);
        let Some(index) = watched.iter().position(|watched| Arc::ptr_eq(&watched.pulse, &self.0)) else { return };
        let mut last = watched.swap_remove(index);
        drop(watched);
        if let Some(watchdog) = watchdog
            && let Some(report) = last.look(watchdog.slow)
        {
            watchdog.push(report);
        }
    }
}

impl Watched {
    /// Looks at the loop, whose steps are reported from `slow` nanoseconds on.
    fn look(&mut self, slow: u64) -> Option<Report> {
        let look = self.pulse.look(monotonic_nanos());
        let (now, beat) = (look.now, look.beat);
        let mut asked = Asked { thread: self.thread, activity: Activity::Running, computed: None };
        match self.stall.look(look, &mut asked) {
            Verdict::Quiet => None,
            Verdict::Blocked(nanos) => {
                self.reported = Some(Reported { beat, since: now, computed: asked.computed() });
                let (pulse, ident) = (Arc::clone(&self.pulse), self.ident);
                Some(Report::Blocked { pulse, beat, ident, nanos, seen: now, activity: asked.activity, told: None })
            }
            Verdict::Elsewhere => {
                let pulse = Arc::clone(&self.pulse);
                Some(Report::Elsewhere { pulse, beat, ident: self.ident, activity: asked.activity })
            }
            Verdict::Over(nanos) => {
                self.reported = None;
                (nanos >= slow).then_some(Report::Over { ident: self.ident, nanos })
            }
        }
    }

    /// In how many nanoseconds to look again; `None`: when the loop's alarm wakes this watchdog.
    fn next_look(&self, watchdog: u64) -> Option<u64> {
        if self.reported.is_some() {
            return Some(PATIENCE / 5);
        }
        let next_look = self.stall.next_look();
        // Without an alarm (the kernel limits them) nothing else tells when the loop goes on.
        if self.pulse.has_alarm_of(watchdog) { next_look } else { next_look.or(Some(TICK)) }
    }

    /// Does the block go on, with whoever fetches its report waiting for the interpreter for too long? Python code that
    /// was asked to give it away needs a processor to do so: of a thread that computes, its processor time counts.
    fn is_overdue(&mut self, fetcher: i32) -> bool {
        let Some(reported) = self.reported.as_mut().filter(|reported| reported.beat == self.pulse.beat()) else {
            self.reported = None;
            return false;
        };
        let (now, computed) = (monotonic_nanos(), computed_nanos(self.thread).unwrap_or(0));
        // Where it sleeps for another lock we may not have found the interpreter's: it was woken, so it is that one.
        let waits = Activity::of(fetcher, interpreter_futex());
        if !matches!(waits, Activity::WaitsForInterpreter | Activity::Asleep(Wait::Lock)) {
            (reported.since, reported.computed) = (now, computed);
            return false;
        }
        let is_overdue = match Activity::of(self.thread, interpreter_futex()) {
            Activity::Running => computed - reported.computed >= PATIENCE,
            _ => now - reported.since >= PATIENCE,
        };
        if is_overdue {
            self.reported = None;
        }
        is_overdue
    }
}

/// What the kernel says of a thread, when it is asked.
struct Asked {
    thread: i32,
    /// What it did when that was asked last.
    activity: Activity,
    /// What it had computed when that was asked last.
    computed: Option<u64>,
}

impl Inquiry for Asked {
    fn computed(&mut self) -> u64 {
        self.computed = computed_nanos(self.thread);
        // Where that is not known, it may have computed all the time.
        self.computed.unwrap_or_else(monotonic_nanos)
    }

    fn is_asleep(&mut self) -> bool {
        // Its clock goes on while it runs; to see that is cheaper than to ask what it does.
        self.activity = if self.computed < computed_nanos(self.thread) {
            Activity::Running
        } else {
            Activity::of(self.thread, interpreter_futex())
        };
        matches!(self.activity, Activity::Asleep(_))
    }
}

impl Watchdog {
    fn keep_watch(&self) {
        let alarm = Alarm::of_this_thread().ok();
        // To be stopped, it has to look now and then, then.
        let longest = if alarm.is_some() { None } else { Some(TICK) };
        *locked(&self.alarm) = alarm;
        while !self.stopped.load(SeqCst) {
            let mut watched = locked(&WATCHED);
            for each in watched.iter().filter(|it| !it.pulse.has_alarm_of(self.number)) {
                if let Ok(alarm) = Alarm::of_this_thread() {
                    each.pulse.set_alarm(self.number, alarm);
                }
            }
            watched.iter_mut().filter_map(|it| it.look(self.slow)).for_each(|report| self.push(report));
            watched.iter_mut().filter(|it| !self.has_report_of(it.ident)).for_each(|it| it.reported = None);
            let fetcher = self.fetcher.load(SeqCst);
            let overdue: Vec<(ThreadState, u64)> =
                watched.iter_mut().filter_map(|it| it.is_overdue(fetcher).then_some((it.state, it.ident))).collect();
            let next_look = watched.iter().filter_map(|it| it.next_look(self.number)).chain(longest).min();
            drop(watched);
            overdue.into_iter().for_each(|(state, ident)| self.tell_overdue(state, ident));
            alarm::wait(next_look.map(Duration::from_nanos));
        }
    }

    /// Has the thread look at once.
    fn wake(&self) {
        if let Some(alarm) = &*locked(&self.alarm) {
            alarm.set(Duration::ZERO);
        }
    }

    fn push(&self, report: Report) {
        locked(&self.reports).push_back(report);
        self.news.notify_all();
    }

    /// Is there a report of a block that nobody has fetched?
    fn has_report_of(&self, ident: u64) -> bool {
        locked(&self.reports).iter().any(|report| report.is_of(ident))
    }

    /// The call that blocks holds the interpreter: finds out what can be found out without it.
    fn tell_overdue(&self, thread: ThreadState, of: u64) {
        let mut reports = locked(&self.reports);
        let index = reports.iter().position(|report| report.is_of(of));
        let Some(mut report) = index.and_then(|index| reports.remove(index)) else { return };
        drop(reports);
        if let Report::Blocked { nanos, seen, activity, told, .. } = &mut report {
            *nanos += monotonic_nanos() - *seen;
            let frames = if self.reads_stacks { stack::of_step(thread).unwrap_or_default() } else { Vec::new() };
            let was_told = self.tell(&frames, &cause(activity), *nanos);
            *told = Some((frames, was_told));
        }
        locked(&self.reports).push_front(report);
        self.news.notify_all();
    }

    /// Tells on stderr where the loop is blocked, if that is wanted and known.
    fn tell(&self, frames: &[Frame], cause: &str, nanos: u64) -> bool {
        let is_own = |frame: &&Frame| !self.libraries.iter().any(|library| frame.filename.starts_with(library));
        let Some(place) = frames.iter().find(is_own).or(frames.first()).filter(|_| !self.form.is_empty()) else {
            return false;
        };
        let what = format!("{cause} for {:.2} s so far", nanos as f64 / 1e9);
        let text = stack::tell(frames, place, &what, &self.form, self.colour);
        std::io::stderr().write_all(text.as_bytes()).is_ok()
    }

    /// Ends the thread, and whoever waits for reports.
    fn stop(&self) {
        self.stopped.store(true, SeqCst);
        self.wake();
        let reports = locked(&self.reports);
        self.news.notify_all();
        drop(self.news.wait_timeout_while(reports, LONGEST_GOODBYE, |_| !self.ended.load(SeqCst)));
        let thread = locked(&self.thread).take().filter(|_| self.ended.load(SeqCst));
        drop(thread.map(JoinHandle::join));
    }

    fn wait_for_news(&self) {
        let is_quiet = |reports: &mut VecDeque<Report>| reports.is_empty() && !self.stopped.load(SeqCst);
        drop(self.news.wait_while(locked(&self.reports), is_quiet));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cause(activity: &Activity) -> String {
    match activity {
        Activity::Asleep(wait) => wait.to_string(),
        Activity::Running | Activity::WaitsForInterpreter => String::from("computing"),
    }
}

/// Where threads sleep that wait for the interpreter: found once, by letting one wait for it.
fn interpreter_futex() -> &'static Range<u64> {
    static NOWHERE: Range<u64> = 0..0;
    INTERPRETER_FUTEX.get().unwrap_or(&NOWHERE)
}

static INTERPRETER_FUTEX: OnceLock<Range<u64>> = OnceLock::new();

/// Called attached, so that the thread made here has to wait until we let it.
fn find_interpreter_futex() -> Range<u64> {
    /// The interpreter's lock is a condition variable and a mutex, and another pair for who gives it away: we know an
    /// address in the first.
    const BEFORE: u64 = 48;
    const AFTER: u64 = 176;
    /// Half a second; it takes a millisecond, as a rule.
    const TRIES: u32 = 5000;
    let (tell, told) = std::sync::mpsc::channel();
    let probe = thread::spawn(move || {
        if tell.send(thread_number()).is_ok() {
            attach_for_a_moment();
        }
    });
    let mut found = None;
    if let Ok(number) = told.recv() {
        for _ in 0..TRIES {
            thread::sleep(Duration::from_micros(100));
            let seen = system_call(number).filter(|call| call.is_futex()).map(|call| call.arguments[0]);
            if seen.is_some() && seen == found {
                break;
            }
            found = seen;
        }
    }
    detached(|| drop(probe.join()));
    found.map_or(0..0, |address| address.saturating_sub(BEFORE)..address + AFTER)
}

// What `ferraio.diagnose.blocked_loop` calls.

static SLOW: Name = Name::new("slow");
static LIBRARIES: Name = Name::new("libraries");
static FORM: Name = Name::new("form");
static COLOUR: Name = Name::new("colour");
static READS_STACKS: Name = Name::new("reads_stacks");

fn start(args: Args<'_>) -> Result<Obj> {
    let names = [&SLOW, &LIBRARIES, &FORM, &COLOUR, &READS_STACKS];
    let [slow, libraries, form, colour, reads_stacks] =
        args.bind("_start_watchdog", names, 5, 5)?.map(|value| value.expect("bound"));
    let mut paths = Vec::new();
    libraries.for_each(|path| {
        paths.push(path.as_text()?);
        Ok(())
    })?;
    stop(args)?;
    INTERPRETER_FUTEX.get_or_init(find_interpreter_futex);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let watchdog = Arc::new(Watchdog {
        number: COUNT.fetch_add(1, Relaxed),
        slow: (slow.as_f64()? * 1e9) as u64,
        libraries: paths,
        form: form.as_text()?,
        colour: colour.truth()?,
        fetcher: AtomicI32::new(0),
        reads_stacks: reads_stacks.truth()?,
        reports: Mutex::default(),
        news: Condvar::new(),
        alarm: Mutex::default(),
        stopped: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        thread: Mutex::new(None),
    });
    for watched in &mut *locked(&WATCHED) {
        watched.stall = Stall::new(alarm_threshold(watchdog.slow));
    }
    let its = Arc::clone(&watchdog);
    let keep_watch = move || {
        its.keep_watch();
        its.ended.store(true, SeqCst);
        // Under the lock, so that nobody begins to wait between the two.
        let _reports = locked(&its.reports);
        its.news.notify_all();
    };
    thread::Builder::new()
        .name("ferraio-watch".into())
        .spawn(keep_watch)
        .map_err(|error| Error::from(error).raise())?;
    *locked(&WATCHDOG) = Some(watchdog);
    Ok(Obj::none())
}

/// It stays in its place, so that its last reports can be fetched and loops that begin to run have it started again.
fn stop(_: Args<'_>) -> Result<Obj> {
    let watchdog = locked(&WATCHDOG).clone();
    if let Some(watchdog) = watchdog {
        detached(|| watchdog.stop());
    }
    Ok(Obj::none())
}

fn forget(_: Args<'_>) -> Result<Obj> {
    locked(&WATCHDOG).take();
    Ok(Obj::none())
}

/// In a child: the loops that ran in the parent do not run here.
fn forget_loops(_: Args<'_>) -> Result<Obj> {
    locked(&WATCHED).clear();
    Ok(Obj::none())
}

fn stack(_: Args<'_>) -> Result<Obj> {
    let frames = stack::of_this_thread().iter().map(Frame::to_obj).collect::<Result<Vec<Obj>>>()?;
    Obj::list_from(frames.into_iter())
}

fn next_report(_: Args<'_>) -> Result<Obj> {
    let Some(watchdog) = locked(&WATCHDOG).clone() else { return Ok(Obj::none()) };
    watchdog.fetcher.store(thread_number(), SeqCst);
    loop {
        detached(|| watchdog.wait_for_news());
        // We are attached again. Until we let go, a loop that was blocked stays in the step it is in.
        let early = locked(&watchdog.reports).front().map_or(0, |report| report.early(watchdog.slow));
        if early > 0 && !watchdog.stopped.load(SeqCst) {
            let wait = || thread::sleep(Duration::from_nanos(early));
            if early > MOMENT {
                detached(wait);
                continue;
            }
            wait();
        }
        let report = locked(&watchdog.reports).pop_front();
        match report {
            None => return Ok(Obj::none()),
            Some(report) => {
                if let Some(report) = report.into_obj()? {
                    return Ok(report);
                }
            }
        }
    }
}

impl Report {
    /// Is it of a block of this thread?
    fn is_of(&self, thread: u64) -> bool {
        matches!(self, Report::Blocked { ident, .. } if *ident == thread)
    }

    /// How long until it is to be told, in nanoseconds.
    fn early(&self, slow: u64) -> u64 {
        match self {
            Report::Blocked { seen, .. } => (seen + (slow - alarm_threshold(slow))).saturating_sub(monotonic_nanos()),
            Report::Elsewhere { .. } | Report::Over { .. } => 0,
        }
    }

    /// A tuple, or `None` if it is too late to find out more.
    fn into_obj(self) -> Result<Option<Obj>> {
        let seconds = |nanos: u64| Obj::float(nanos as f64 / 1e9);
        match self {
            Report::Over { ident, nanos } => Obj::tuple([Obj::int(ident as i64)?, seconds(nanos)?]).map(Some),
            Report::Elsewhere { pulse, beat, .. } if pulse.beat() != beat => Ok(None),
            Report::Elsewhere { pulse, ident, activity, .. } => {
                Obj::tuple([Obj::int(ident as i64)?, Obj::str(&cause(&activity))?, Obj::int(pulse.waiting() as i64)?])
                    .map(Some)
            }
            Report::Blocked { pulse, beat, ident, nanos, seen, activity, told, .. } => {
                let so_far = if told.is_some() { nanos } else { nanos + (monotonic_nanos() - seen) };
                let is_over = pulse.beat() != beat;
                let (frames, was_told) = match told {
                    None if is_over => return Ok(None),
                    None => (Obj::none(), false),
                    // Whoever had the interpreter has let go: the frames are there to be looked at.
                    Some((_, was_told)) if !is_over => (Obj::none(), was_told),
                    Some((frames, was_told)) => {
                        let frames = frames.iter().map(Frame::to_obj).collect::<Result<Vec<Obj>>>()?;
                        (Obj::list_from(frames.into_iter())?, was_told)
                    }
                };
                Obj::tuple([
                    Obj::int(ident as i64)?,
                    seconds(so_far)?,
                    Obj::str(&cause(&activity))?,
                    Obj::int(pulse.waiting() as i64)?,
                    frames,
                    Obj::bool(was_told),
                ])
                .map(Some)
            }
        }
    }
}

/// The functions of the module.
pub fn functions() -> Vec<pyo3_ffi::PyMethodDef> {
    vec![
        function!(
            "_start_watchdog",
            start,
            "_start_watchdog(slow, libraries, form, colour, reads_stacks)\n\nWatch all loops that begin to run; report steps of slow seconds."
        ),
        function!("_stop_watchdog", stop, "End the watchdog's thread, and the wait for its reports."),
        function!("_forget_watchdog", forget, "Watch no loop any more."),
        function!("_forget_loops", forget_loops, "Watch no loop that runs now, because it runs in the parent process."),
        function!("_stack", stack, "Return the frames of this thread up to the loop's, as the watchdog reads them."),
        function!(
            "_next_report",
            next_report,
            "Wait for what the watchdog has to say.\n\nReturn (thread, seconds, cause, ready, frames, told) for a blocked loop, (thread, cause, ready) when\nits step is blocked in another call, (thread, seconds) when the block is over, None at the end."
        ),
    ]
}
