//! An enum of owned pointers in one word, the variant in the lowest bits of the pointer.
//!
//! What is moved is then one register. Two words, written one by one and read as a pair a moment later, make a processor
//! wait; and a `None` of two words has one that is undefined, which makes a compiler copy where it could write a constant.

use std::mem::align_of;
use std::num::NonZeroUsize;

use super::class::{Class, Own};
use super::object::Obj;

/// What is a pointer whose lowest bits are zero.
///
/// # Safety
/// `into_address` gives a multiple of [`VARIANTS`], not zero, and `from_address` takes it back.
pub unsafe trait Pointer: Sized {
    /// The address; it owns what the pointer owned.
    fn into_address(self) -> usize;

    /// The pointer again.
    ///
    /// # Safety
    /// `address` came from `into_address`, and owns what the pointer owned.
    unsafe fn from_address(address: usize) -> Self;
}

/// How many variants there may be.
pub const VARIANTS: usize = 8;

// SAFETY: CPython's allocators align every object that has a header of the collector, as all of ours have, to two words.
unsafe impl<T: Class> Pointer for Own<T> {
    #[inline(always)]
    fn into_address(self) -> usize {
        const { assert!(T::GC && 2 * size_of::<usize>() >= VARIANTS) };
        self.into_obj().into_ptr() as usize
    }

    #[inline(always)]
    unsafe fn from_address(address: usize) -> Self {
        // SAFETY: the reference that `into_address` gave away, to an instance of `T`.
        unsafe { Own::from_obj_unchecked(Obj::take(address as *mut _).unwrap_unchecked()) }
    }
}

// SAFETY: a box is aligned as its content, which is checked.
unsafe impl<T> Pointer for Box<T> {
    #[inline(always)]
    fn into_address(self) -> usize {
        const { assert!(align_of::<T>() >= VARIANTS && size_of::<T>() > 0) };
        Box::into_raw(self) as usize
    }

    #[inline(always)]
    unsafe fn from_address(address: usize) -> Self {
        // SAFETY: the box that `into_address` gave away.
        unsafe { Box::from_raw(address as *mut T) }
    }
}

/// An address with the number of a variant.
#[derive(Clone, Copy)]
pub struct Word(NonZeroUsize);

impl Word {
    /// Packs both.
    #[inline(always)]
    pub fn new(pointer: impl Pointer, variant: usize) -> Self {
        Word(NonZeroUsize::new(pointer.into_address() | variant).expect("an address is not zero"))
    }

    /// Which variant it is.
    #[inline(always)]
    pub fn variant(self) -> usize {
        self.0.get() % VARIANTS
    }

    /// Where it points.
    #[inline(always)]
    pub fn address(self) -> usize {
        self.0.get() - self.variant()
    }
}

/// `packed!(Name: Enum { Variant(Type) = 0, … })`: an `Enum` of [`Pointer`]s in one word.
#[macro_export]
macro_rules! packed {
    ($(#[$doc:meta])* $name:ident: $whole:ident { $($variant:ident($pointer:ty) = $number:literal),+ $(,)? }) => {
        $(#[$doc])*
        pub struct $name($crate::ffi::packed::Word);

        impl $name {
            /// Packs it.
            #[inline(always)]
            pub fn new(whole: $whole) -> Self {
                match whole {
                    $($whole::$variant(pointer) => {
                        const { assert!($number < $crate::ffi::packed::VARIANTS) };
                        Self($crate::ffi::packed::Word::new(pointer, $number))
                    })+
                }
            }

            /// Unpacks it.
            #[inline(always)]
            pub fn into_inner(self) -> $whole {
                let word = self.0;
                std::mem::forget(self);
                // SAFETY: `new` is the only one who makes words, and `self`, which owned the pointer, is gone.
                unsafe { Self::whole(word) }
            }

            /// Looks at it.
            #[inline(always)]
            pub fn look<R>(&self, look: impl FnOnce(&$whole) -> R) -> R {
                // SAFETY: as above, but `self` stays the owner: the copy is not dropped.
                look(&std::mem::ManuallyDrop::new(unsafe { Self::whole(self.0) }))
            }

            #[inline(always)]
            unsafe fn whole(word: $crate::ffi::packed::Word) -> $whole {
                match word.variant() {
                    // SAFETY: the variant says which type gave the address.
                    $($number => $whole::$variant(unsafe {
                        <$pointer as $crate::ffi::packed::Pointer>::from_address(word.address())
                    }),)+
                    _ => unreachable!("new() makes no other"),
                }
            }
        }

        impl Drop for $name {
            #[inline(always)]
            fn drop(&mut self) {
                // SAFETY: as in `into_inner`; nobody uses `self` afterwards.
                drop(unsafe { Self::whole(self.0) });
            }
        }
    };
}
