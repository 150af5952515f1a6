//! The OpenSSL that `_ssl` has loaded: its functions, found by name, and proof that they fit its objects.
//!
//! Python's `ssl` sets a connection up: context, certificates, names, callbacks, handshake. After that its `SSL *` can be
//! driven directly, if we find it. It is the second field of `_ssl._SSLSocket`, `SSL_CTX *` is the first of
//! `_ssl._SSLContext`, `BIO *` the first of `_ssl.MemoryBIO`, and all three know of each other. So one connection is made
//! for a look (`fits`): only if every pointer that we read is the one that OpenSSL itself gives for the others, and the
//! functions belong to the very copy of the library in which the objects were made, is it driven at all. Otherwise, and
//! for anything that is not OpenSSL 1.1.1 to 4, there is no [`Library`], and Python's own objects do the work.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_ulong, c_void};
use std::ptr;
use std::sync::OnceLock;

use pyo3_ffi as c;

use super::exception::Result;
use super::name::{Import, Name};
use super::object::Obj;

/// An `SSL`, opaque.
pub enum Ssl {}
/// A `BIO`, opaque.
pub enum Bio {}
/// A `BIO_METHOD`, opaque.
pub enum BioMethod {}

pub type BioRead = unsafe extern "C" fn(*mut Bio, *mut c_char, c_int) -> c_int;
pub type BioWrite = unsafe extern "C" fn(*mut Bio, *const c_char, c_int) -> c_int;
pub type BioControl = unsafe extern "C" fn(*mut Bio, c_int, c_long, *mut c_void) -> c_long;
pub type BioEnd = unsafe extern "C" fn(*mut Bio) -> c_int;

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)+) => {
        /// The functions that we call, under their own names.
        #[allow(non_snake_case)]
        pub struct Library {$(
            pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,
        )+}

        impl Library {
            /// Finds each function, or none.
            ///
            /// # Safety
            /// `handle` is one of `dlopen`, and behind it is OpenSSL of 1.1.1 or later, whose functions have these types.
            unsafe fn find(handle: *mut c_void) -> Option<Library> {
                Some(Library {$(
                    $name: {
                        // SAFETY: a handle and a NUL-terminated name; the caller vouches for the type of what is found.
                        unsafe {
                            let symbol = libc::dlsym(handle, concat!(stringify!($name), "\0").as_ptr().cast());
                            if symbol.is_null() {
                                return None;
                            }
                            std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) $(-> $result)?>(symbol)
                        }
                    },
                )+})
            }
        }
    };
}

functions! {
    OpenSSL_version_num: fn() -> c_ulong;
    ERR_peek_error: fn() -> c_ulong;
    ERR_clear_error: fn();
    SSL_read: fn(*mut Ssl, *mut c_void, c_int) -> c_int;
    SSL_write: fn(*mut Ssl, *const c_void, c_int) -> c_int;
    SSL_pending: fn(*const Ssl) -> c_int;
    SSL_get_error: fn(*const Ssl, c_int) -> c_int;
    SSL_get_shutdown: fn(*const Ssl) -> c_int;
    SSL_get_read_ahead: fn(*const Ssl) -> c_int;
    SSL_ctrl: fn(*mut Ssl, c_int, c_long, *mut c_void) -> c_long;
    SSL_get_SSL_CTX: fn(*const Ssl) -> *mut c_void;
    SSL_get_rbio: fn(*const Ssl) -> *mut Bio;
    SSL_get_wbio: fn(*const Ssl) -> *mut Bio;
    SSL_set_bio: fn(*mut Ssl, *mut Bio, *mut Bio);
    SSL_CTX_get_options: fn(*const c_void) -> c_ulong;
    BIO_s_mem: fn() -> *const BioMethod;
    BIO_get_new_index: fn() -> c_int;
    BIO_meth_new: fn(c_int, *const c_char) -> *mut BioMethod;
    BIO_meth_set_read: fn(*mut BioMethod, BioRead) -> c_int;
    BIO_meth_set_write: fn(*mut BioMethod, BioWrite) -> c_int;
    BIO_meth_set_ctrl: fn(*mut BioMethod, BioControl) -> c_int;
    BIO_meth_set_destroy: fn(*mut BioMethod, BioEnd) -> c_int;
    BIO_new: fn(*const BioMethod) -> *mut Bio;
    BIO_set_data: fn(*mut Bio, *mut c_void);
    BIO_get_data: fn(*mut Bio) -> *mut c_void;
    BIO_set_init: fn(*mut Bio, c_int);
    BIO_set_flags: fn(*mut Bio, c_int);
    BIO_clear_flags: fn(*mut Bio, c_int);
}

static SSL_SOCKET: Import = Import::new("_ssl", "_SSLSocket");
static SSL_CONTEXT: Import = Import::new("_ssl", "_SSLContext");
static MEMORY_BIO: Import = Import::new("_ssl", "MemoryBIO");

static OPENSSL: OnceLock<Option<Library>> = OnceLock::new();

impl Library {
    /// The library, if there is one that we can drive. Looks once.
    pub fn get() -> Option<&'static Library> {
        if let Some(known) = OPENSSL.get() {
            return known.as_ref();
        }
        // Looking runs Python code, which may let another thread look at the same time: that one must not wait for us,
        // since it holds what we need to go on.
        let found = look().unwrap_or_else(|raised| {
            raised.clear();
            None
        });
        OPENSSL.get_or_init(|| found).as_ref()
    }

    /// The library, if somebody has looked and found it.
    #[inline(always)]
    pub fn found() -> Option<&'static Library> {
        OPENSSL.get().and_then(Option::as_ref)
    }

    /// The `SSL *` of a `_ssl._SSLSocket` that reads from and writes to these two objects of `ssl.MemoryBIO`, and nothing
    /// if any of them is something else.
    pub fn ssl_of(&self, socket: &Obj, incoming: &Obj, outgoing: &Obj) -> Result<Option<*mut Ssl>> {
        static CONTEXT: Name = Name::new("context");
        let is_exactly =
            |object: &Obj, class: &Import| Ok(object.type_ptr().cast() == class.get()?.as_ptr()) as Result<bool>;
        if !is_exactly(socket, &SSL_SOCKET)?
            || !is_exactly(incoming, &MEMORY_BIO)?
            || !is_exactly(outgoing, &MEMORY_BIO)?
        {
            return Ok(None);
        }
        let context = socket.attr(&CONTEXT)?;
        if !context.is_real_instance(SSL_CONTEXT.get()?) {
            return Ok(None);
        }
        // SAFETY: instances of classes in C that have at least so many fields (seen in `look`); what is called with a
        // pointer was one of OpenSSL's in this place when we looked, and the field behind it holds the context again.
        unsafe {
            if field(socket, 2) != context.as_ptr().cast() {
                return Ok(None);
            }
            let ssl = field(socket, 1).cast::<Ssl>();
            let fits = !ssl.is_null()
                && (self.SSL_get_SSL_CTX)(ssl) == field(&context, 0)
                && (self.SSL_get_rbio)(ssl) == field(incoming, 0).cast()
                && (self.SSL_get_wbio)(ssl) == field(outgoing, 0).cast();
            Ok(fits.then_some(ssl))
        }
    }
}

/// The pointer in a field of an object in C.
///
/// # Safety
/// The object is that long.
unsafe fn field(object: &Obj, index: usize) -> *mut c_void {
    // SAFETY: the caller vouches for the length; pointers follow the header without a gap.
    unsafe { object.as_ptr().cast::<u8>().add(size_of::<c::PyObject>()).cast::<*mut c_void>().add(index).read() }
}

/// Finds the library, and checks all that we rely on.
fn look() -> Result<Option<Library>> {
    static VERSION: Import = Import::new("ssl", "OPENSSL_VERSION");
    static NUMBER: Import = Import::new("ssl", "OPENSSL_VERSION_NUMBER");
    let number = NUMBER.get()?.as_i64()?;
    let known = 0x1010_1000..0x5000_0000;
    if !VERSION.get()?.as_text()?.starts_with("OpenSSL ") || !known.contains(&number) {
        return Ok(None);
    }
    let Some(handle) = loaded_library()? else { return Ok(None) };
    // SAFETY: a handle to the library of `_ssl` and what it depends on, whose version is one of those.
    let Some(library) = (unsafe { Library::find(handle) }) else { return Ok(None) };
    // SAFETY: takes nothing.
    if i64::try_from(unsafe { (library.OpenSSL_version_num)() }) != Ok(number) {
        return Ok(None);
    }
    Ok(fits(&library)?.then_some(library))
}

/// The handle of the library that `_ssl` is, if it is loaded as one; of the program, if `_ssl` is built in.
fn loaded_library() -> Result<Option<*mut c_void>> {
    static FILE: Name = Name::new("__file__");
    let path = match Obj::import("_ssl")?.attr_opt(&FILE)? {
        Some(path) => match CString::new(path.as_text()?) {
            Ok(path) => Some(path),
            Err(_) => return Ok(None),
        },
        None => None,
    };
    let path = path.as_deref().map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: a NUL-terminated path or NULL; nothing is loaded that is not loaded yet.
    let handle = unsafe { libc::dlopen(path, libc::RTLD_NOLOAD | libc::RTLD_LAZY | libc::RTLD_LOCAL) };
    Ok((!handle.is_null()).then_some(handle))
}

/// Do the library and Python's objects belong together? Asks about a connection that is made for it.
fn fits(library: &Library) -> Result<bool> {
    static CONTEXT: Import = Import::new("ssl", "SSLContext");
    static PROTOCOL: Import = Import::new("ssl", "PROTOCOL_TLS_CLIENT");
    static CHECK_HOSTNAME: Name = Name::new("check_hostname");
    static OPTIONS: Name = Name::new("options");
    static WRAP_BIO: Name = Name::new("wrap_bio");
    static SSL_OBJECT: Name = Name::new("_sslobj");
    let long_enough = |class: &Import, fields: usize| {
        let class = class.get()?.as_ptr().cast::<c::PyTypeObject>();
        // SAFETY: a class.
        let size = unsafe { (*class).tp_basicsize } as usize;
        Ok(size >= size_of::<c::PyObject>() + fields * size_of::<usize>()) as Result<bool>
    };
    if !long_enough(&SSL_SOCKET, 3)? || !long_enough(&SSL_CONTEXT, 1)? || !long_enough(&MEMORY_BIO, 1)? {
        return Ok(false);
    }
    let context = CONTEXT.get()?.call([PROTOCOL.get()?])?;
    context.set_attr(&CHECK_HOSTNAME, &Obj::bool(false))?;
    let (incoming, outgoing) = (MEMORY_BIO.get()?.call0()?, MEMORY_BIO.get()?.call0()?);
    let socket = context.call_method(&WRAP_BIO, [&incoming, &outgoing])?.attr(&SSL_OBJECT)?;
    // SAFETY: long enough, as just seen. A BIO begins with its method, from 3.0 on behind one other pointer; it is only
    // looked at, and ours if it is that of the memory BIOs in this copy of the library.
    unsafe {
        // No socket, and the context where we expect it: then the `SSL *` is between them.
        if !field(&socket, 0).is_null() || field(&socket, 2) != context.as_ptr().cast() {
            return Ok(false);
        }
        let bio = field(&incoming, 0).cast::<*const BioMethod>();
        let method = (library.BIO_s_mem)();
        if bio.is_null() || (bio.read() != method && bio.add(1).read() != method) {
            return Ok(false);
        }
        let options = (library.SSL_CTX_get_options)(field(&context, 0));
        if i64::try_from(options) != Ok(context.attr(&OPTIONS)?.as_i64()?) {
            return Ok(false);
        }
    }
    Ok(library.ssl_of(&socket, &incoming, &outgoing)?.is_some())
}
