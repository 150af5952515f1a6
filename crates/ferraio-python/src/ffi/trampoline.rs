//! The one door through which C enters: panics become Python exceptions, results become pointers.
//!
//! The macros make the C function for a Rust one and the table entry that Python wants.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3_ffi as c;

use super::exception::{self, Raised, Result};
use super::object::Obj;

/// Runs `body`; a panic in it becomes a `SystemError`.
#[inline(always)]
pub fn guard(body: impl FnOnce() -> Result<Obj>) -> *mut c::PyObject {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(object)) => object.into_ptr(),
        Ok(Err(_raised)) => ptr::null_mut(),
        Err(panic) => {
            let _ = raise_panic(&*panic);
            ptr::null_mut()
        }
    }
}

/// The same for functions that return 0 or -1.
#[inline(always)]
pub fn guard_status(body: impl FnOnce() -> Result<()>) -> i32 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(_raised)) => -1,
        Err(panic) => {
            let _ = raise_panic(&*panic);
            -1
        }
    }
}

/// The same for functions that cannot fail: a panic is reported and forgotten.
pub fn guard_quiet(body: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
        let _ = raise_panic(&*panic);
        Obj::none().write_unraisable();
    }
}

#[cold]
fn raise_panic(panic: &(dyn Any + Send)) -> Raised {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| String::from("unknown panic"));
    Raised::text(&exception::system_error(), &format!("ferraio: internal error: {message}"))
}

/// `_panic(text)`: for the tests of this door.
pub fn panic(args: super::Args<'_>) -> Result<Obj> {
    match args.positional {
        [text] => panic!("{}", text.as_text()?),
        _ => Err(crate::error::Error::type_("_panic() takes one argument")),
    }
}

/// What `tp_iternext` gives.
pub enum Next {
    /// A value to yield.
    Yield(Obj),
    /// The end, with its value (`None` costs nothing).
    Return(Obj),
    /// An exception is set.
    Raised(Raised),
}

/// Turns a [`Next`] into what the interpreter's `SEND` understands: NULL without an exception ends with `None`.
#[inline(always)]
pub fn guard_next(body: impl FnOnce() -> Next) -> *mut c::PyObject {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Next::Yield(object)) => object.into_ptr(),
        Ok(Next::Return(value)) => {
            if !value.is_none() {
                super::stop_iteration::set(value);
            }
            ptr::null_mut()
        }
        Ok(Next::Raised(_raised)) => ptr::null_mut(),
        Err(panic) => {
            let _ = raise_panic(&*panic);
            ptr::null_mut()
        }
    }
}

/// The same for `am_send`, which has a way to say how it ended.
///
/// # Safety
/// `result` can be written to.
#[inline(always)]
pub unsafe fn guard_send(result: *mut *mut c::PyObject, body: impl FnOnce() -> Next) -> c::PySendResult {
    let (value, outcome) = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Next::Yield(object)) => (object.into_ptr(), c::PySendResult::PYGEN_NEXT),
        Ok(Next::Return(value)) => (value.into_ptr(), c::PySendResult::PYGEN_RETURN),
        Ok(Next::Raised(_raised)) => (ptr::null_mut(), c::PySendResult::PYGEN_ERROR),
        Err(panic) => {
            let _ = raise_panic(&*panic);
            (ptr::null_mut(), c::PySendResult::PYGEN_ERROR)
        }
    };
    // SAFETY: the caller vouches for the place; it gets a reference, or NULL with an exception set.
    unsafe { result.write(value) };
    outcome
}

/// `this` as a typed reference, for as long as the variable lives.
///
/// # Safety
/// `*this` is a live instance of `T`: the interpreter checks that before it calls a method of a class.
#[inline(always)]
pub unsafe fn this<T: super::class::Class>(this: &*mut c::PyObject) -> &super::class::Own<T> {
    // SAFETY: the caller vouches for it; the layouts are the same.
    unsafe { &*ptr::from_ref(this).cast() }
}

/// An entry of a table of methods: `method!(Class, "name", noargs|one|one_named(NAME)|fast|keywords, function, "doc")`.
///
/// The function takes `&Own<Class>` and nothing, one `&Obj` (which with `one_named` may be given by that name), a
/// `&[Obj]`, or [`Args`](super::Args).
#[macro_export]
macro_rules! method {
    ($class:ty, $name:literal, noargs, $function:expr, $doc:literal) => {{
        unsafe extern "C" fn method(
            this: *mut pyo3_ffi::PyObject,
            _: *mut pyo3_ffi::PyObject,
        ) -> *mut pyo3_ffi::PyObject {
            // SAFETY: Python calls a method with an instance of its class.
            $crate::ffi::trampoline::guard(|| $function(unsafe { $crate::ffi::trampoline::this::<$class>(&this) }))
        }
        $crate::ffi::trampoline::entry(
            $name,
            $doc,
            pyo3_ffi::METH_NOARGS,
            pyo3_ffi::PyMethodDefPointer { PyCFunction: method },
        )
    }};
    ($class:ty, $name:literal, one, $function:expr, $doc:literal) => {{
        unsafe extern "C" fn method(
            this: *mut pyo3_ffi::PyObject,
            arg: *mut pyo3_ffi::PyObject,
        ) -> *mut pyo3_ffi::PyObject {
            $crate::ffi::trampoline::guard(|| {
                // SAFETY: Python calls a method with an instance of its class…
                let this = unsafe { $crate::ffi::trampoline::this::<$class>(&this) };
                // SAFETY: … and one live argument.
                let arg = unsafe { $crate::ffi::Obj::peek(&arg) };
                $function(this, arg)
            })
        }
        $crate::ffi::trampoline::entry(
            $name,
            $doc,
            pyo3_ffi::METH_O,
            pyo3_ffi::PyMethodDefPointer { PyCFunction: method },
        )
    }};
    ($class:ty, $name:literal, one_named($argument:expr), $function:expr, $doc:literal) => {
        $crate::method!(
            $class,
            $name,
            keywords,
            |this: &$crate::ffi::Own<$class>, args: $crate::ffi::Args<'_>| {
                if let ([only], false) = (args.positional, args.has_keywords()) {
                    return $function(this, only);
                }
                let [only] = args.bind($name, [$argument], 1, 1)?;
                $function(this, &only.expect("required"))
            },
            $doc
        )
    };
    ($class:ty, $name:literal, fast, $function:expr, $doc:literal) => {{
        unsafe extern "C" fn method(
            this: *mut pyo3_ffi::PyObject,
            args: *mut *mut pyo3_ffi::PyObject,
            count: pyo3_ffi::Py_ssize_t,
        ) -> *mut pyo3_ffi::PyObject {
            $crate::ffi::trampoline::guard(|| {
                // SAFETY: Python calls a method with an instance of its class and `count` live arguments.
                let (this, args) = unsafe {
                    ($crate::ffi::trampoline::this::<$class>(&this), $crate::ffi::Obj::peek_array(args, count as usize))
                };
                $function(this, args)
            })
        }
        $crate::ffi::trampoline::entry(
            $name,
            $doc,
            pyo3_ffi::METH_FASTCALL,
            pyo3_ffi::PyMethodDefPointer { PyCFunctionFast: method },
        )
    }};
    ($class:ty, $name:literal, keywords, $function:expr, $doc:literal) => {{
        unsafe extern "C" fn method(
            this: *mut pyo3_ffi::PyObject,
            args: *const *mut pyo3_ffi::PyObject,
            count: pyo3_ffi::Py_ssize_t,
            names: *mut pyo3_ffi::PyObject,
        ) -> *mut pyo3_ffi::PyObject {
            $crate::ffi::trampoline::guard(|| {
                // SAFETY: Python calls a method with an instance of its class and arguments in vectorcall's order.
                let (this, args) = unsafe {
                    (
                        $crate::ffi::trampoline::this::<$class>(&this),
                        $crate::ffi::Args::from_vectorcall(args, count as usize, &names),
                    )
                };
                $function(this, args)
            })
        }
        $crate::ffi::trampoline::entry(
            $name,
            $doc,
            pyo3_ffi::METH_FASTCALL | pyo3_ffi::METH_KEYWORDS,
            pyo3_ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: method },
        )
    }};
}

/// An entry of a module's functions: `function!("name", function, "doc")`; the function takes [`Args`](super::Args).
#[macro_export]
macro_rules! function {
    ($name:literal, $function:expr, $doc:literal) => {{
        unsafe extern "C" fn function(
            _module: *mut pyo3_ffi::PyObject,
            args: *const *mut pyo3_ffi::PyObject,
            count: pyo3_ffi::Py_ssize_t,
            names: *mut pyo3_ffi::PyObject,
        ) -> *mut pyo3_ffi::PyObject {
            $crate::ffi::trampoline::guard(|| {
                // SAFETY: Python passes arguments in vectorcall's order.
                let args = unsafe { $crate::ffi::Args::from_vectorcall(args, count as usize, &names) };
                $function(args)
            })
        }
        $crate::ffi::trampoline::entry(
            $name,
            $doc,
            pyo3_ffi::METH_FASTCALL | pyo3_ffi::METH_KEYWORDS,
            pyo3_ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
        )
    }};
}

/// An attribute: `attribute!(Class, "name", getter)` or `attribute!(Class, "name", getter, setter)`.
///
/// The setter gets `None` when the attribute is deleted.
#[macro_export]
macro_rules! attribute {
    ($class:ty, $name:literal, $getter:expr) => {{
        unsafe extern "C" fn getter(
            this: *mut pyo3_ffi::PyObject,
            _: *mut std::ffi::c_void,
        ) -> *mut pyo3_ffi::PyObject {
            // SAFETY: Python calls a getter with an instance of its class.
            $crate::ffi::trampoline::guard(|| $getter(unsafe { $crate::ffi::trampoline::this::<$class>(&this) }))
        }
        $crate::ffi::trampoline::attribute_entry($name, getter, None)
    }};
    ($class:ty, $name:literal, $getter:expr, $setter:expr) => {{
        unsafe extern "C" fn setter(
            this: *mut pyo3_ffi::PyObject,
            value: *mut pyo3_ffi::PyObject,
            _: *mut std::ffi::c_void,
        ) -> std::ffi::c_int {
            $crate::ffi::trampoline::guard_status(|| {
                // SAFETY: Python calls a setter with an instance of its class, and NULL to delete.
                let (this, value) = unsafe {
                    ($crate::ffi::trampoline::this::<$class>(&this), $crate::ffi::Obj::peek_nullable(&value))
                };
                $setter(this, value)
            })
        }
        let mut entry = $crate::attribute!($class, $name, $getter);
        entry.set = Some(setter);
        entry
    }};
}

/// A slot of a type: `slot!(Class, init|repr|await|iter|iternext|send|richcompare|hash|setattro, function)`.
#[macro_export]
macro_rules! slot {
    ($class:ty, init, $function:expr) => {{
        unsafe extern "C" fn c_init(
            this: *mut pyo3_ffi::PyObject,
            args: *mut pyo3_ffi::PyObject,
            kwargs: *mut pyo3_ffi::PyObject,
        ) -> std::ffi::c_int {
            $crate::ffi::trampoline::guard_status(|| {
                // SAFETY: Python calls `__init__` with an instance, a tuple, and a dict or NULL.
                let (this, args) = unsafe {
                    (
                        $crate::ffi::trampoline::this::<$class>(&this),
                        $crate::ffi::Args::from_tuple($crate::ffi::Obj::peek(&args), &kwargs),
                    )
                };
                $function(this, args)
            })
        }
        $crate::ffi::class::slot(pyo3_ffi::Py_tp_init, c_init as *mut std::ffi::c_void)
    }};
    ($class:ty, repr, $function:expr) => {
        $crate::slot!(@unary $class, pyo3_ffi::Py_tp_repr, $function)
    };
    ($class:ty, await, $function:expr) => {
        $crate::slot!(@unary $class, pyo3_ffi::Py_am_await, $function)
    };
    ($class:ty, iter, $function:expr) => {
        $crate::slot!(@unary $class, pyo3_ffi::Py_tp_iter, $function)
    };
    (@unary $class:ty, $number:expr, $function:expr) => {{
        unsafe extern "C" fn c_unary(this: *mut pyo3_ffi::PyObject) -> *mut pyo3_ffi::PyObject {
            // SAFETY: Python calls a slot with an instance of its class.
            $crate::ffi::trampoline::guard(|| $function(unsafe { $crate::ffi::trampoline::this::<$class>(&this) }))
        }
        $crate::ffi::class::slot($number, c_unary as *mut std::ffi::c_void)
    }};
    ($class:ty, iternext, $function:expr) => {{
        unsafe extern "C" fn c_iternext(this: *mut pyo3_ffi::PyObject) -> *mut pyo3_ffi::PyObject {
            // SAFETY: Python calls a slot with an instance of its class.
            $crate::ffi::trampoline::guard_next(|| $function(unsafe { $crate::ffi::trampoline::this::<$class>(&this) }))
        }
        $crate::ffi::class::slot(pyo3_ffi::Py_tp_iternext, c_iternext as *mut std::ffi::c_void)
    }};
    ($class:ty, send, $function:expr) => {{
        unsafe extern "C" fn c_send(
            this: *mut pyo3_ffi::PyObject,
            value: *mut pyo3_ffi::PyObject,
            result: *mut *mut pyo3_ffi::PyObject,
        ) -> pyo3_ffi::PySendResult {
            // SAFETY: Python calls a slot with an instance of its class, a live object, and a place for the result.
            unsafe {
                $crate::ffi::trampoline::guard_send(result, || {
                    $function($crate::ffi::trampoline::this::<$class>(&this), $crate::ffi::Obj::peek(&value))
                })
            }
        }
        $crate::ffi::class::slot(pyo3_ffi::Py_am_send, c_send as *mut std::ffi::c_void)
    }};
    ($class:ty, richcompare, $function:expr) => {{
        unsafe extern "C" fn c_richcompare(
            this: *mut pyo3_ffi::PyObject,
            other: *mut pyo3_ffi::PyObject,
            operation: std::ffi::c_int,
        ) -> *mut pyo3_ffi::PyObject {
            $crate::ffi::trampoline::guard(|| {
                // SAFETY: Python calls a slot with an instance of its class and a live object.
                let (this, other) = unsafe {
                    ($crate::ffi::trampoline::this::<$class>(&this), $crate::ffi::Obj::peek(&other))
                };
                $function(this, other, operation)
            })
        }
        $crate::ffi::class::slot(pyo3_ffi::Py_tp_richcompare, c_richcompare as *mut std::ffi::c_void)
    }};
    ($class:ty, hash, $function:expr) => {{
        unsafe extern "C" fn c_hash(this: *mut pyo3_ffi::PyObject) -> pyo3_ffi::Py_hash_t {
            let mut hash = -1;
            $crate::ffi::trampoline::guard_status(|| {
                // SAFETY: Python calls a slot with an instance of its class.
                let this = unsafe { $crate::ffi::trampoline::this::<$class>(&this) };
                hash = $function(this)?;
                Ok(())
            });
            hash
        }
        $crate::ffi::class::slot(pyo3_ffi::Py_tp_hash, c_hash as *mut std::ffi::c_void)
    }};
    ($class:ty, setattro, $function:expr) => {{
        unsafe extern "C" fn c_setattro(
            this: *mut pyo3_ffi::PyObject,
            name: *mut pyo3_ffi::PyObject,
            value: *mut pyo3_ffi::PyObject,
        ) -> std::ffi::c_int {
            $crate::ffi::trampoline::guard_status(|| {
                // SAFETY: Python calls a slot with an instance of its class, a name, and NULL to delete.
                let (this, name, value) = unsafe {
                    (
                        $crate::ffi::trampoline::this::<$class>(&this),
                        $crate::ffi::Obj::peek(&name),
                        $crate::ffi::Obj::peek_nullable(&value),
                    )
                };
                $function(this, name, value)
            })
        }
        $crate::ffi::class::slot(pyo3_ffi::Py_tp_setattro, c_setattro as *mut std::ffi::c_void)
    }};
}

/// One entry of a table of methods; the texts end with a NUL that is added here.
pub fn entry(name: &'static str, doc: &'static str, flags: i32, method: c::PyMethodDefPointer) -> c::PyMethodDef {
    c::PyMethodDef { ml_name: c_text(name), ml_meth: method, ml_flags: flags, ml_doc: c_text(doc) }
}

/// One entry of a table of attributes.
pub fn attribute_entry(name: &'static str, get: c::getter, set: Option<c::setter>) -> c::PyGetSetDef {
    c::PyGetSetDef { name: c_text(name), get: Some(get), set, doc: ptr::null(), closure: ptr::null_mut() }
}

/// A NUL-terminated copy that lives for ever, as the tables of a type must.
fn c_text(text: &str) -> *const std::ffi::c_char {
    std::ffi::CString::new(text).expect("names and docstrings hold no NUL").into_raw()
}
