//! Where the interpreter keeps what a thread runs: numbers and addresses for `diagnose/stack.rs`, which reads that memory
//! from another thread, without the interpreter, by system calls that no address can crash.
//!
//! The offsets are those of the headers (`pycore_frame.h`, `cpython/code.h`, `cpython/unicodeobject.h`) of the Python we
//! are built for. Whether they hold for the one that runs (a debug build has others) is found out before they are used.

use pyo3_ffi as c;

/// The address of a type, by which its instances are known.
pub fn code_type() -> u64 {
    &raw const c::PyCode_Type as u64
}

/// See [`code_type`].
pub fn text_type() -> u64 {
    &raw const c::PyUnicode_Type as u64
}

/// See [`code_type`].
pub fn bytes_type() -> u64 {
    &raw const c::PyBytes_Type as u64
}

/// `_PyInterpreterFrame`.
pub mod frame {
    /// How to get from a thread's state to its innermost frame: one pointer after the other.
    #[cfg(not(Py_3_12))]
    pub const FROM_THREAD: &[u64] = &[56, 8];
    #[cfg(all(Py_3_12, not(Py_3_13)))]
    pub const FROM_THREAD: &[u64] = &[56, 0];
    #[cfg(Py_3_13)]
    pub const FROM_THREAD: &[u64] = &[72];

    /// The frame that called it.
    pub const CALLER: usize = if cfg!(Py_3_12) { 8 } else { 48 };
    /// Its code; the lowest bits may be a tag (3.14).
    pub const CODE: usize = if cfg!(Py_3_12) { 0 } else { 32 };
    /// The instruction that it executes, or the end of it.
    pub const INSTRUCTION: usize = 56;
    /// A byte: what it is a frame of.
    pub const OWNER: usize = if cfg!(Py_3_14) {
        74
    } else if cfg!(Py_3_12) {
        70
    } else {
        69
    };
    /// Of a thread, a generator or a frame object: a frame of a program. The others are where C code has called Python
    /// code, and have no code of their own (`FRAME_OWNED_BY_CSTACK`, `FRAME_OWNED_BY_INTERPRETER`).
    pub const OWNERS_OF_PROGRAMS: std::ops::Range<u8> = 0..3;
    /// All of these lie before here.
    pub const SIZE: usize = 80;
}

/// `PyCodeObject`.
pub mod code {
    pub const FLAGS: usize = 48;
    pub const FIRST_LINE: usize = if cfg!(Py_3_12) { 68 } else { 72 };
    pub const FILENAME: usize = 112;
    pub const QUALIFIED_NAME: usize = 128;
    pub const LINE_TABLE: usize = 136;
    /// Where the instructions begin, in the object itself.
    pub const INSTRUCTIONS: u64 = if cfg!(Py_3_14) {
        208
    } else if cfg!(Py_3_13) {
        200
    } else if cfg!(Py_3_12) {
        192
    } else {
        184
    };
    /// All but the instructions lie before here.
    pub const SIZE: usize = 144;
    /// The size of a code unit, by which the table of lines counts.
    pub const UNIT: u64 = 2;
    /// `CO_COROUTINE | CO_ASYNC_GENERATOR`.
    pub const IS_ASYNC: u32 = 0x80 | 0x200;
}

/// Any object.
pub mod object {
    pub const TYPE: usize = 8;
    /// Of one with a variable size, such as bytes.
    pub const LENGTH: usize = 16;
    /// Where the content of bytes begins.
    pub const BYTES: u64 = 32;
}

/// `str`: `PyASCIIObject` and `PyCompactUnicodeObject`.
pub mod text {
    pub const LENGTH: usize = 16;
    /// A word: in three bits how many bytes a character has, one that they follow at once, one that all are ASCII.
    pub const STATE: usize = 32;
    pub const WIDTH: std::ops::Range<u32> = 2..5;
    pub const IS_COMPACT: u32 = 1 << 5;
    pub const IS_ASCII: u32 = 1 << 6;
    /// All of these lie before here.
    pub const SIZE: usize = 40;
    /// Where the characters begin.
    pub const ASCII: u64 = if cfg!(Py_3_12) { 40 } else { 48 };
    /// See [`ASCII`].
    pub const OTHER: u64 = if cfg!(Py_3_12) { 56 } else { 72 };
}
