//! A TLS connection after its handshake, driven without Python: OpenSSL reads from our memory and writes to it.
//!
//! Python's `ssl.SSLObject` stays what it is, and can be asked and shut down as ever; only its two `MemoryBIO`s are
//! replaced by one BIO of ours. What the transport has received is *lent* to it, for as long as it takes to decrypt it; what
//! remains (while the program does not read) is kept. What is to be sent gathers in one vector, which the transport takes.
//! Nothing here calls Python, nor does OpenSSL: a connection with callbacks into Python is not taken over.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int, c_long, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::rc::Rc;
use std::sync::OnceLock;

use super::exception::Result;
use super::object::Obj;
use super::openssl::{Bio, BioMethod, Library, Ssl};

/// A connection.
pub struct TlsConnection {
    library: &'static Library,
    ssl: *mut Ssl,
    /// The `_ssl._SSLSocket` whose `SSL *` it is; keeps it alive.
    owner: Obj,
    memory: Rc<Memory>,
    /// OpenSSL may hold records that it has not looked at.
    reads_ahead: bool,
}

/// What came of reading or writing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// So many bytes were read or written.
    Done(usize),
    /// More has to arrive first.
    Later,
    /// The peer has said that nothing more comes.
    Closed,
    /// Something else, about which OpenSSL's queue of errors knows more: repeat the call through Python.
    Failed,
}

impl TlsConnection {
    /// Takes over a connection whose handshake is done: the `_ssl._SSLSocket`, with its two `MemoryBIO`s. What these still
    /// hold is for the caller to `keep` and to put before the output. Nothing, if it is not one that we can drive.
    pub fn take_over(owner: &Obj, incoming: &Obj, outgoing: &Obj) -> Result<Option<TlsConnection>> {
        let Some(library) = Library::get() else { return Ok(None) };
        let (Some(ssl), Some(method)) = (library.ssl_of(owner, incoming, outgoing)?, bio_method(library)) else {
            return Ok(None);
        };
        const CLEAR_MODE: c_int = 78;
        const RELEASE_BUFFERS: c_long = 0x10;
        let memory = Rc::new(Memory::default());
        // SAFETY: the method is complete; the BIO owns one reference to the memory until it is destroyed, and the
        // connection, which is alive, owns the BIO afterwards.
        let reads_ahead = unsafe {
            let bio = (library.BIO_new)(method);
            if bio.is_null() {
                return Ok(None);
            }
            (library.BIO_set_data)(bio, Rc::into_raw(memory.clone()).cast_mut().cast());
            (library.BIO_set_init)(bio, 1);
            (library.SSL_set_bio)(ssl, bio, bio);
            // Python lets OpenSSL free its buffers after each message; `tls.*` in the benches wants them kept.
            (library.SSL_ctrl)(ssl, CLEAR_MODE, RELEASE_BUFFERS, ptr::null_mut());
            (library.SSL_get_read_ahead)(ssl) != 0
        };
        Ok(Some(TlsConnection { library, ssl, owner: owner.clone(), memory, reads_ahead }))
    }

    /// The `_ssl._SSLSocket`.
    pub fn owner(&self) -> &Obj {
        &self.owner
    }

    /// Lets OpenSSL read `data` while `body` runs, after what is kept; then what it has not read is kept.
    #[inline]
    pub fn lend<R>(&self, data: &[u8], body: impl FnOnce() -> R) -> R {
        struct TakeBack<'a>(&'a Memory);
        impl Drop for TakeBack<'_> {
            fn drop(&mut self) {
                self.0.keep_lent();
            }
        }
        // Nothing is lent, unless a callback of the program has led here again.
        self.memory.keep_lent();
        self.memory.lent.set((data.as_ptr(), data.len()));
        let _take_back = TakeBack(&self.memory);
        body()
    }

    /// Keeps `data` until OpenSSL reads it.
    pub fn keep(&self, data: &[u8]) {
        self.memory.keep_lent();
        self.memory.kept.borrow_mut().extend_from_slice(data);
    }

    /// How many bytes have arrived that OpenSSL has not read.
    #[inline]
    pub fn unread(&self) -> usize {
        self.memory.unread()
    }

    /// At most so many bytes can be read now (up to what OpenSSL holds since before the connection was taken over).
    #[inline]
    pub fn readable(&self) -> usize {
        // SAFETY: the owner keeps the connection alive.
        let pending = unsafe { (self.library.SSL_pending)(self.ssl) };
        self.memory.unread() + self.memory.undecided.get() + pending as usize
    }

    /// Is it certain that nothing can be read, so that there is no need to try?
    #[inline]
    pub fn is_drained(&self) -> bool {
        // SAFETY: the owner keeps the connection alive.
        !self.reads_ahead && self.memory.unread() == 0 && unsafe { (self.library.SSL_pending)(self.ssl) } == 0
    }

    /// Reads what one record holds, or the beginning of it.
    #[inline]
    pub fn read(&self, into: &mut [MaybeUninit<u8>]) -> Outcome {
        let size = c_int::try_from(into.len()).unwrap_or(c_int::MAX);
        self.forget_errors();
        // SAFETY: the connection is alive, and there is room for so many bytes.
        let count = unsafe { (self.library.SSL_read)(self.ssl, into.as_mut_ptr().cast(), size) };
        if count > 0 {
            self.memory.undecided.set(0);
            return Outcome::Done(count as usize);
        }
        self.why_not(count)
    }

    /// Writes all of `data`, or so much of it that a repetition with the rest is right.
    #[inline]
    pub fn write(&self, data: &[u8]) -> Outcome {
        let size = c_int::try_from(data.len()).unwrap_or(c_int::MAX);
        self.forget_errors();
        // SAFETY: the connection is alive, and `data` holds so many bytes.
        let count = unsafe { (self.library.SSL_write)(self.ssl, data.as_ptr().cast(), size) };
        if count > 0 { Outcome::Done(count as usize) } else { self.why_not(count) }
    }

    /// An error that somebody has left in the queue would be taken for ours.
    #[inline]
    fn forget_errors(&self) {
        // SAFETY: they take nothing.
        unsafe {
            if (self.library.ERR_peek_error)() != 0 {
                (self.library.ERR_clear_error)();
            }
        }
    }

    fn why_not(&self, count: c_int) -> Outcome {
        const WANT_READ: c_int = 2;
        const WANT_WRITE: c_int = 3;
        const ZERO_RETURN: c_int = 6;
        const RECEIVED_SHUTDOWN: c_int = 2;
        // SAFETY: the connection is alive, and nothing was called since `count` came from it.
        unsafe {
            match (self.library.SSL_get_error)(self.ssl, count) {
                WANT_READ | WANT_WRITE => Outcome::Later,
                ZERO_RETURN if (self.library.SSL_get_shutdown)(self.ssl) == RECEIVED_SHUTDOWN => Outcome::Closed,
                _ => Outcome::Failed,
            }
        }
    }

    /// How many bytes wait to be sent.
    #[inline]
    pub fn unsent(&self) -> usize {
        self.memory.output.borrow().len()
    }

    /// Takes what is to be sent; give the vector back with `put_output`, so that its memory is used again.
    #[inline]
    pub fn take_output(&self) -> Vec<u8> {
        self.memory.output.take()
    }

    /// Puts bytes before all that is to be sent.
    pub fn prepend_output(&self, data: &[u8]) {
        self.memory.output.borrow_mut().splice(0..0, data.iter().copied());
    }

    /// Gives the vector back that `take_output` gave.
    #[inline]
    pub fn put_output(mut vector: Vec<u8>) {
        if vector.capacity() <= MOST_SPARE {
            vector.clear();
            SPARE.with(|spare| spare.set(Some(vector)));
        }
    }

    /// Forgets all that has arrived and all that is to be sent.
    pub fn forget(&self) {
        self.memory.lent.set((ptr::null(), 0));
        self.memory.kept.take();
        self.memory.kept_read.set(0);
        self.memory.output.take();
    }
}

/// More memory than this is not kept for the next message.
const MOST_SPARE: usize = 512 * 1024;

thread_local! {
    /// An empty vector for whoever has something to send next: most often it is sent at once.
    static SPARE: Cell<Option<Vec<u8>>> = const { Cell::new(None) };
}

/// From where OpenSSL reads, and to where it writes.
#[derive(Default)]
struct Memory {
    /// Received earlier, and not read yet.
    kept: RefCell<Vec<u8>>,
    /// How much of `kept` was read.
    kept_read: Cell<usize>,
    /// Received just now: somebody else's memory, and how much of it is not read.
    lent: Cell<(*const u8, usize)>,
    /// What is to be sent.
    output: RefCell<Vec<u8>>,
    /// How much OpenSSL has read since it last gave us something for it.
    undecided: Cell<usize>,
}

impl Memory {
    #[inline]
    fn unread(&self) -> usize {
        self.kept.borrow().len() - self.kept_read.get() + self.lent.get().1
    }

    /// Copies what is lent and not read.
    #[inline]
    fn keep_lent(&self) {
        let (data, size) = self.lent.replace((ptr::null(), 0));
        if size > 0 {
            // SAFETY: the memory is lent until here (`TlsConnection::lend`).
            self.kept.borrow_mut().extend_from_slice(unsafe { std::slice::from_raw_parts(data, size) });
        }
    }

    /// Gives the next bytes, as many as there are and fit.
    #[inline]
    fn read(&self, into: *mut u8, size: usize) -> usize {
        let count = if self.kept.borrow().is_empty() { self.read_lent(into, size) } else { self.read_kept(into, size) };
        self.undecided.set(self.undecided.get() + count);
        count
    }

    #[inline]
    fn read_lent(&self, into: *mut u8, size: usize) -> usize {
        let (data, available) = self.lent.get();
        let count = size.min(available);
        if count > 0 {
            // SAFETY: so many bytes are lent, and there is room for so many; different memory.
            unsafe { ptr::copy_nonoverlapping(data, into, count) };
            // SAFETY: within what is lent, or at its end.
            self.lent.set((unsafe { data.add(count) }, available - count));
        }
        count
    }

    fn read_kept(&self, into: *mut u8, size: usize) -> usize {
        let mut kept = self.kept.borrow_mut();
        let unread = &kept[self.kept_read.get()..];
        let count = size.min(unread.len());
        // SAFETY: so many bytes are there, and there is room for so many; different memory.
        unsafe { ptr::copy_nonoverlapping(unread.as_ptr(), into, count) };
        self.kept_read.set(self.kept_read.get() + count);
        if self.kept_read.get() == kept.len() {
            self.kept_read.set(0);
            *kept = Vec::new();
        }
        count
    }
}

/// The method of our BIO, made once.
fn bio_method(library: &'static Library) -> Option<*const BioMethod> {
    struct Method(*const BioMethod);
    // SAFETY: never changed once it is made.
    unsafe impl Sync for Method {}
    // SAFETY: as above.
    unsafe impl Send for Method {}
    static METHOD: OnceLock<Option<Method>> = OnceLock::new();
    const SOURCE_AND_SINK: c_int = 0x400;
    let method = METHOD.get_or_init(|| {
        // SAFETY: the name ends with a NUL; the functions have the types that their places ask for.
        unsafe {
            let method = (library.BIO_meth_new)((library.BIO_get_new_index)() | SOURCE_AND_SINK, c"ferraio".as_ptr());
            let complete = !method.is_null()
                && (library.BIO_meth_set_read)(method, bio_read) == 1
                && (library.BIO_meth_set_write)(method, bio_write) == 1
                && (library.BIO_meth_set_ctrl)(method, bio_control) == 1
                && (library.BIO_meth_set_destroy)(method, bio_destroy) == 1;
            complete.then_some(Method(method))
        }
    });
    method.as_ref().map(|method| method.0)
}

/// The library that has called us, and the memory of its BIO.
///
/// # Safety
/// `bio` is one of ours.
#[inline(always)]
unsafe fn memory_of<'a>(bio: *mut Bio) -> Option<(&'static Library, &'a Memory)> {
    let library = Library::found()?;
    // SAFETY: the BIO owns a reference to the memory, and lives while one of its functions runs.
    let memory = unsafe { (library.BIO_get_data)(bio).cast::<Memory>().as_ref() };
    memory.map(|memory| (library, memory))
}

/// The flags that say that an operation is to be repeated.
const ANY_RETRY: c_int = 0x0f;

// None of these can panic: they only move bytes, and no other borrow of the memory is alive while OpenSSL runs.

unsafe extern "C" fn bio_read(bio: *mut Bio, into: *mut c_char, size: c_int) -> c_int {
    const SHOULD_READ: c_int = 0x01 | 0x08;
    // SAFETY: OpenSSL calls this with a BIO of ours, and memory for so many bytes.
    unsafe {
        let Some((library, memory)) = memory_of(bio) else { return -1 };
        (library.BIO_clear_flags)(bio, ANY_RETRY);
        if into.is_null() || size <= 0 {
            return 0;
        }
        match memory.read(into.cast(), size as usize) {
            0 => {
                (library.BIO_set_flags)(bio, SHOULD_READ);
                -1
            }
            count => count as c_int,
        }
    }
}

unsafe extern "C" fn bio_write(bio: *mut Bio, data: *const c_char, size: c_int) -> c_int {
    // SAFETY: OpenSSL calls this with a BIO of ours, and so many bytes.
    unsafe {
        let Some((library, memory)) = memory_of(bio) else { return -1 };
        (library.BIO_clear_flags)(bio, ANY_RETRY);
        if data.is_null() || size <= 0 {
            return 0;
        }
        let mut output = memory.output.borrow_mut();
        if output.capacity() == 0
            && let Some(spare) = SPARE.try_with(Cell::take).ok().flatten()
        {
            *output = spare;
        }
        output.extend_from_slice(std::slice::from_raw_parts(data.cast(), size as usize));
        size
    }
}

unsafe extern "C" fn bio_control(bio: *mut Bio, command: c_int, _: c_long, _: *mut c_void) -> c_long {
    const PENDING: c_int = 10;
    const FLUSH: c_int = 11;
    const DUPLICATE: c_int = 12;
    const WRITE_PENDING: c_int = 13;
    // SAFETY: OpenSSL calls this with a BIO of ours.
    let Some((_, memory)) = (unsafe { memory_of(bio) }) else { return 0 };
    match command {
        PENDING => memory.unread() as c_long,
        WRITE_PENDING => memory.output.borrow().len() as c_long,
        FLUSH | DUPLICATE => 1,
        _ => 0,
    }
}

unsafe extern "C" fn bio_destroy(bio: *mut Bio) -> c_int {
    let Some(library) = Library::found() else { return 0 };
    // SAFETY: OpenSSL calls this once, when nobody refers to the BIO any more: its reference to the memory ends.
    unsafe {
        let memory = (library.BIO_get_data)(bio).cast::<Memory>();
        if !memory.is_null() {
            (library.BIO_set_data)(bio, ptr::null_mut());
            drop(Rc::from_raw(memory.cast_const()));
        }
    }
    1
}
