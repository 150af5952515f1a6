//! The module object: how Python loads us, and how names get into it.

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3_ffi as c;

use super::exception::{Raised, Result, import_error};
use super::object::Obj;

unsafe extern "C" fn exec(module: *mut c::PyObject) -> c_int {
    super::trampoline::guard_status(|| {
        if super::thread::interpreter_id() != 0 {
            return Err(Raised::text(
                &import_error(),
                "ferraio can only be used in the main interpreter, not in a sub-interpreter",
            ));
        }
        // SAFETY: Python passes the new module.
        crate::fill(unsafe { Obj::peek(&module) })
    })
}

/// `module.name = value`.
pub fn add(module: &Obj, name: &'static str, value: &Obj) -> Result<()> {
    let name = std::ffi::CString::new(name).expect("names hold no NUL");
    // SAFETY: two live objects and a NUL-terminated name.
    Raised::check(unsafe { c::PyModule_AddObjectRef(module.as_ptr(), name.as_ptr(), value.as_ptr()) })
}

/// Adds functions to the module.
pub fn add_functions(module: &Obj, mut functions: Vec<c::PyMethodDef>) -> Result<()> {
    // SAFETY: an all-zero entry ends the array, which lives for ever.
    functions.push(unsafe { std::mem::zeroed() });
    // SAFETY: a module, and a table that lives for ever.
    Raised::check(unsafe { c::PyModule_AddFunctions(module.as_ptr(), functions.leak().as_mut_ptr()) })
}

/// Python calls this when it imports `ferraio._ferraio`.
///
/// # Safety
/// Python calls it, attached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit__ferraio() -> *mut c::PyObject {
    let slots = vec![
        c::PyModuleDef_Slot { slot: c::Py_mod_exec, value: exec as *mut c_void },
        #[cfg(Py_3_12)]
        c::PyModuleDef_Slot {
            slot: c::Py_mod_multiple_interpreters,
            value: c::Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED,
        },
        #[cfg(Py_3_13)]
        c::PyModuleDef_Slot { slot: c::Py_mod_gil, value: c::Py_MOD_GIL_USED },
        c::PyModuleDef_Slot { slot: 0, value: ptr::null_mut() },
    ];
    let definition = Box::leak(Box::new(c::PyModuleDef {
        m_base: c::PyModuleDef_HEAD_INIT,
        m_name: c"_ferraio".as_ptr(),
        m_doc: c"asyncio in Rust: what the package ferraio is made of.".as_ptr(),
        m_size: 0,
        m_methods: ptr::null_mut(),
        m_slots: slots.leak().as_mut_ptr().cast(),
        m_traverse: None,
        m_clear: None,
        m_free: None,
    }));
    // SAFETY: the definition and its slots live for ever.
    unsafe { c::PyModuleDef_Init(definition) }
}
