//! The exception that is set in the thread's state: the marker for it, and what can be done with it.

use pyo3_ffi as c;

use super::object::Obj;

/// An exception is set in the thread's state. Whoever gets this passes it on, or takes or clears the exception.
#[must_use]
pub struct Raised(());

/// What fallible calls return.
pub type Result<T = Obj> = std::result::Result<T, Raised>;

impl Raised {
    /// Says that an exception is set (the caller knows).
    #[inline(always)]
    pub fn set() -> Self {
        debug_assert!(Raised::is_set(), "an exception is set");
        Raised(())
    }

    /// Is an exception set?
    #[inline(always)]
    pub fn is_set() -> bool {
        // SAFETY: whoever calls this crate is attached.
        unsafe { !c::PyErr_Occurred().is_null() }
    }

    /// Turns C's 0 or -1 into a result.
    #[inline(always)]
    pub fn check(status: i32) -> Result<()> {
        if status < 0 { Err(Raised::set()) } else { Ok(()) }
    }

    /// Sets an exception of `class` with one argument.
    pub fn with(class: &Obj, argument: &Obj) -> Self {
        // SAFETY: two live objects.
        unsafe { c::PyErr_SetObject(class.as_ptr(), argument.as_ptr()) };
        Raised::set()
    }

    /// Sets an exception of `class` with a message.
    pub fn text(class: &Obj, message: &str) -> Self {
        match Obj::str(message) {
            Ok(message) => Raised::with(class, &message),
            Err(raised) => raised,
        }
    }

    /// Sets this exception object.
    pub fn exception(exception: Obj) -> Self {
        // SAFETY: an exception instance, whose reference is given away.
        unsafe {
            #[cfg(Py_3_12)]
            c::PyErr_SetRaisedException(exception.into_ptr());
            #[cfg(not(Py_3_12))]
            {
                let traceback = c::PyException_GetTraceback(exception.as_ptr());
                let class = exception.type_obj();
                c::PyErr_Restore(class.into_ptr(), exception.into_ptr(), traceback);
            }
        }
        Raised::set()
    }

    /// Raises this exception as `raise exception` does: the exception being handled becomes its context.
    pub fn raise(exception: &Obj) -> Self {
        // SAFETY: an exception instance and its class.
        unsafe { c::PyErr_SetObject(exception.type_ptr().cast(), exception.as_ptr()) };
        Raised::set()
    }

    /// Takes the exception out of the thread's state, its traceback attached.
    pub fn take(self) -> Obj {
        // SAFETY: an exception is set, so each call gives a new reference.
        unsafe {
            #[cfg(Py_3_12)]
            return Obj::take(c::PyErr_GetRaisedException()).expect("an exception is set");
            #[cfg(not(Py_3_12))]
            {
                let (mut class, mut value, mut traceback) =
                    (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
                c::PyErr_Fetch(&mut class, &mut value, &mut traceback);
                c::PyErr_NormalizeException(&mut class, &mut value, &mut traceback);
                let _class = Obj::take(class);
                let traceback = Obj::take(traceback);
                let value = Obj::take(value).expect("normalising made an instance");
                if let Some(traceback) = traceback {
                    c::PyException_SetTraceback(value.as_ptr(), traceback.as_ptr());
                }
                value
            }
        }
    }

    /// Is it an instance of `class`?
    pub fn matches(&self, class: &Obj) -> bool {
        // SAFETY: an exception is set; `class` is a live object.
        unsafe { c::PyErr_ExceptionMatches(class.as_ptr()) != 0 }
    }

    /// Is it a `KeyboardInterrupt` or `SystemExit`, which stop the loop?
    pub fn stops_the_loop(&self) -> bool {
        // SAFETY: an exception is set; both classes are alive.
        unsafe {
            c::PyErr_ExceptionMatches(c::PyExc_KeyboardInterrupt) != 0
                || c::PyErr_ExceptionMatches(c::PyExc_SystemExit) != 0
        }
    }

    /// Forgets the exception.
    pub fn clear(self) {
        // SAFETY: whoever has `self` is attached.
        unsafe { c::PyErr_Clear() }
    }
}

/// `exception.__traceback__`.
pub fn traceback(exception: &Obj) -> Option<Obj> {
    // SAFETY: an exception instance; gives a new reference or NULL.
    unsafe { Obj::take(c::PyException_GetTraceback(exception.as_ptr())) }
}

/// `exception.__traceback__ = traceback`.
pub fn set_traceback(exception: &Obj, traceback: Option<&Obj>) {
    let traceback = match traceback {
        Some(traceback) => traceback.clone(),
        None => Obj::none(),
    };
    // SAFETY: an exception instance and a traceback or None, which it accepts.
    unsafe { c::PyException_SetTraceback(exception.as_ptr(), traceback.as_ptr()) };
}

/// Runs pending Python signal handlers; they may raise.
pub fn check_signals() -> Result<()> {
    // SAFETY: whoever calls this crate is attached.
    Raised::check(unsafe { c::PyErr_CheckSignals() })
}

/// Calls `body`, which may end up here again without Python code in between: raises RecursionError when it is too deep.
pub fn guard_recursion<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            // SAFETY: entered below, in this thread.
            unsafe { c::Py_LeaveRecursiveCall() };
        }
    }
    // SAFETY: whoever calls this crate is attached; the text ends with a NUL.
    if unsafe { c::Py_EnterRecursiveCall(c" while calling a Python object".as_ptr()) } != 0 {
        return Err(Raised::set());
    }
    let _leave = Leave;
    body()
}

/// Shows a warning of `class`, which may be turned into an exception.
pub fn warn(class: &Obj, message: &str, stack_level: isize) -> Result<()> {
    let message = std::ffi::CString::new(message).expect("our messages hold no NUL");
    // SAFETY: a live class and a NUL-terminated text.
    Raised::check(unsafe { c::PyErr_WarnEx(class.as_ptr(), message.as_ptr(), stack_level) })
}

/// Keeps an exception that is already set aside for as long as `body` runs (for finalisers).
pub fn preserve_raised<T>(body: impl FnOnce() -> T) -> T {
    let saved = Raised::is_set().then(|| Raised::set().take());
    let outcome = body();
    if let Some(saved) = saved {
        let _ = Raised::exception(saved);
    }
    outcome
}

macro_rules! builtin_exceptions {
    ($($function:ident = $symbol:ident),+ $(,)?) => {$(
        #[doc = concat!("`", stringify!($symbol), "`.")]
        pub fn $function() -> Obj {
            // SAFETY: built-in exceptions live as long as the interpreter.
            unsafe { Obj::borrowed(c::$symbol) }
        }
    )+};
}

builtin_exceptions! {
    assertion_error = PyExc_AssertionError,
    attribute_error = PyExc_AttributeError,
    deprecation_warning = PyExc_DeprecationWarning,
    blocking_io_error = PyExc_BlockingIOError,
    broken_pipe_error = PyExc_BrokenPipeError,
    exception = PyExc_Exception,
    generator_exit = PyExc_GeneratorExit,
    import_error = PyExc_ImportError,
    not_implemented_error = PyExc_NotImplementedError,
    os_error = PyExc_OSError,
    runtime_error = PyExc_RuntimeError,
    stop_iteration = PyExc_StopIteration,
    system_error = PyExc_SystemError,
    type_error = PyExc_TypeError,
    value_error = PyExc_ValueError,
}
