//! Attributes that are fields: what asyncio's own Python code reads and writes in our objects.

/// An attribute that is a [`Slot`](crate::ffi::Slot): `slot_attribute!(Class, "name", field)`. Empty is `None`.
#[macro_export]
macro_rules! slot_attribute {
    ($class:ty, $name:literal, $field:ident) => {{
        fn get(this: &$crate::ffi::Own<$class>) -> $crate::ffi::Result<$crate::ffi::Obj> {
            Ok(this.$field.get_or_none())
        }
        fn set(this: &$crate::ffi::Own<$class>, value: Option<&$crate::ffi::Obj>) -> $crate::ffi::Result<()> {
            drop(this.$field.replace(value.filter(|value| !value.is_none()).cloned()));
            Ok(())
        }
        $crate::attribute!($class, $name, get, set)
    }};
}

/// An attribute that is a `Cell<bool>`: `flag_attribute!(Class, "name", field)`.
#[macro_export]
macro_rules! flag_attribute {
    ($class:ty, $name:literal, $field:ident) => {{
        fn get(this: &$crate::ffi::Own<$class>) -> $crate::ffi::Result<$crate::ffi::Obj> {
            Ok($crate::ffi::Obj::bool(this.$field.get()))
        }
        fn set(this: &$crate::ffi::Own<$class>, value: Option<&$crate::ffi::Obj>) -> $crate::ffi::Result<()> {
            this.$field.set(value.map_or(Ok(false), $crate::ffi::Obj::truth)?);
            Ok(())
        }
        $crate::attribute!($class, $name, get, set)
    }};
}
