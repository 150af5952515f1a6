//! The arguments of a call, whichever way Python passes them.

use std::ptr;

use pyo3_ffi as c;

use super::exception::{Result, type_error};
use super::name::Name;
use super::object::Obj;
use crate::ffi::Raised;

/// Positional arguments and keywords.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    /// The positional arguments.
    pub positional: &'a [Obj],
    keywords: Keywords<'a>,
}

#[derive(Clone, Copy)]
enum Keywords<'a> {
    None,
    Vectorcall { names: &'a Obj, values: &'a [Obj] },
    Dict(&'a Obj),
}

impl<'a> Args<'a> {
    /// The arguments of a vectorcall.
    ///
    /// # Safety
    /// `args` has `count` live objects and then one for each name of the tuple `names` (or NULL).
    #[inline(always)]
    pub unsafe fn from_vectorcall(args: *const *mut c::PyObject, count: usize, names: &'a *mut c::PyObject) -> Self {
        // SAFETY: the caller vouches for the arrays.
        unsafe {
            let positional = Obj::peek_array(args, count);
            if names.is_null() {
                return Args { positional, keywords: Keywords::None };
            }
            let names = Obj::peek(names);
            let values = Obj::peek_array(args.add(count), names.tuple_items().len());
            Args { positional, keywords: Keywords::Vectorcall { names, values } }
        }
    }

    /// The arguments of a call with a tuple and a dict.
    ///
    /// # Safety
    /// `args` is a tuple; `*kwargs` is a dict or NULL.
    pub unsafe fn from_tuple(args: &'a Obj, kwargs: &'a *mut c::PyObject) -> Self {
        // SAFETY: the caller vouches for `kwargs`.
        let keywords = if kwargs.is_null() { Keywords::None } else { Keywords::Dict(unsafe { Obj::peek(kwargs) }) };
        Args { positional: args.tuple_items(), keywords }
    }

    /// Are there keywords?
    #[inline(always)]
    pub fn has_keywords(&self) -> bool {
        !matches!(self.keywords, Keywords::None)
    }

    /// Each keyword with its value.
    pub fn for_each_keyword(&self, mut each: impl FnMut(&Obj, &Obj) -> Result<()>) -> Result<()> {
        match self.keywords {
            Keywords::None => Ok(()),
            Keywords::Vectorcall { names, values } => {
                names.tuple_items().iter().zip(values).try_for_each(|(name, value)| each(name, value))
            }
            Keywords::Dict(dict) => {
                let mut position = 0;
                let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
                // SAFETY: a dict; both references are our own before anything else may run.
                while unsafe { c::PyDict_Next(dict.as_ptr(), &mut position, &mut key, &mut value) } != 0 {
                    // SAFETY: the dict gave two live objects.
                    let (key, value) = unsafe { (Obj::borrowed(key), Obj::borrowed(value)) };
                    each(&key, &value)?;
                }
                Ok(())
            }
        }
    }

    /// Sorts the arguments of `function` by parameter: the first `most_positional` of `names` may be given by place, the
    /// first `required` of them must be given.
    #[inline]
    pub fn bind<const N: usize>(
        &self,
        function: &str,
        names: [&Name; N],
        required: usize,
        most_positional: usize,
    ) -> Result<[Option<Obj>; N]> {
        let given = self.positional.len();
        if given > most_positional {
            return Err(too_many_positional(function, most_positional, given));
        }
        let mut values = [const { None }; N];
        for (place, value) in values.iter_mut().zip(self.positional) {
            *place = Some(value.clone());
        }
        if self.has_keywords() {
            self.bind_keywords(function, &names, &mut values)?;
        }
        match values[..required].iter().position(Option::is_none) {
            None => Ok(values),
            Some(missing) => Err(missing_argument(function, names[missing])),
        }
    }

    fn bind_keywords(&self, function: &str, names: &[&Name], values: &mut [Option<Obj>]) -> Result<()> {
        self.for_each_keyword(|name, value| {
            let Some(index) = position_of(names, name) else {
                return Err(unexpected_keyword(function, name));
            };
            if values[index].is_some() {
                return Err(type_error_text(&format!(
                    "{function}() got multiple values for argument '{}'",
                    names[index].text()
                )));
            }
            values[index] = Some(value.clone());
            Ok(())
        })
    }

    /// The value of the only keyword that `function` knows.
    #[inline(always)]
    pub fn only_keyword(&self, function: &str, known: &Name) -> Result<Option<Obj>> {
        if !self.has_keywords() {
            return Ok(None);
        }
        let mut found = None;
        self.for_each_keyword(|name, value| {
            if position_of(&[known], name).is_none() {
                return Err(unexpected_keyword(function, name));
            }
            found = Some(value.clone());
            Ok(())
        })?;
        Ok(found)
    }
}

/// Which of `names` it is: names written in a call are interned, so that their addresses are the same.
fn position_of(names: &[&Name], name: &Obj) -> Option<usize> {
    let same = |known: &&Name| name.is(known.obj());
    let equal = |known: &&Name| name.as_text().is_ok_and(|text| text == known.text());
    names.iter().position(same).or_else(|| names.iter().position(equal))
}

#[cold]
fn too_many_positional(function: &str, most: usize, given: usize) -> Raised {
    let plural = if most == 1 { "" } else { "s" };
    type_error_text(&format!("{function}() takes at most {most} positional argument{plural} ({given} given)"))
}

#[cold]
fn missing_argument(function: &str, name: &Name) -> Raised {
    type_error_text(&format!("{function}() missing 1 required positional argument: '{}'", name.text()))
}

#[cold]
fn unexpected_keyword(function: &str, name: &Obj) -> Raised {
    let name = name.as_text().unwrap_or_else(|raised| {
        raised.clear();
        String::from("?")
    });
    type_error_text(&format!("{function}() got an unexpected keyword argument '{name}'"))
}

fn type_error_text(message: &str) -> Raised {
    Raised::text(&type_error(), message)
}
