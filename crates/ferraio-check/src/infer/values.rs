//! What comes out of a value: awaited, iterated over, entered, or taken by a subscript.

use std::rc::Rc;

use ruff_python_ast::{Expr, Number};

use super::Inference;
use crate::types::{Class, Code, Coroutine, Frame, Kind, Parameters, Type};

impl<'a> Inference<'a, '_> {
    /// What `await value` gives.
    pub fn awaited(&self, value: &Type<'a>) -> Type<'a> {
        self.deeper(|| match value {
            Type::Coroutine(coroutine) => match &**coroutine {
                Coroutine::Giving(result) => result.clone(),
                Coroutine::Call(function, parameters) => match self.known_awaited(function, parameters) {
                    Some(known) => known,
                    None => self.returned(function, parameters),
                },
            },
            Type::Awaitable(result) => (**result).clone(),
            Type::Union(members) => Type::union(members.iter().map(|member| self.awaited(member))),
            _ => Type::Unknown,
        })
    }

    /// What `for x in value`, or `async for`, gives to `x`.
    pub fn iterated(&self, value: &Type<'a>, is_async: bool) -> Type<'a> {
        self.deeper(|| match value {
            Type::AsyncIterator(element) if is_async => (**element).clone(),
            Type::Container(Kind::Tuple, elements) if !is_async => Type::union(elements.iter().cloned()),
            Type::Container(_, elements) if !is_async => elements.first().cloned().unwrap_or(Type::Unknown),
            Type::Instance(_) => {
                let (make, next) = if is_async { ("__aiter__", "__anext__") } else { ("__iter__", "__next__") };
                let iterator = match self.attribute(value, make) {
                    method @ Type::Function(_) => self.call(&method, &[]),
                    _ => return Type::Unknown,
                };
                match (&iterator, is_async) {
                    (Type::Instance(_), true) => self.awaited(&self.call(&self.attribute(&iterator, next), &[])),
                    (Type::Instance(_), false) => self.call(&self.attribute(&iterator, next), &[]),
                    (other, _) => self.iterated(other, is_async),
                }
            }
            Type::Union(members) => Type::union(members.iter().map(|member| self.iterated(member, is_async))),
            _ => Type::Unknown,
        })
    }

    /// What `with value as x`, or `async with`, gives to `x`.
    pub fn entered(&self, value: &Type<'a>, is_async: bool) -> Type<'a> {
        self.deeper(|| match value {
            Type::AsyncContext(inner) if is_async => (**inner).clone(),
            Type::Context(inner) if !is_async => (**inner).clone(),
            Type::Made(_) => value.clone(),
            Type::Instance(_) if is_async => self.awaited(&self.call(&self.attribute(value, "__aenter__"), &[])),
            Type::Instance(_) => self.call(&self.attribute(value, "__enter__"), &[]),
            Type::Union(members) => Type::union(members.iter().map(|member| self.entered(member, is_async))),
            _ => Type::Unknown,
        })
    }

    /// What `value[slice]` gives.
    pub(super) fn subscripted(&self, value: &Type<'a>, slice: &'a Expr, frame: &Rc<Frame<'a>>) -> Type<'a> {
        match value {
            Type::Container(Kind::Dict, elements) => elements.get(1).cloned().unwrap_or(Type::Unknown),
            Type::Container(..) if slice.is_slice_expr() => value.clone(),
            Type::Container(Kind::Tuple, elements) => match index(slice, elements.len()) {
                Some(index) => elements[index].clone(),
                None => Type::union(elements.iter().cloned()),
            },
            Type::Container(_, elements) => elements.first().cloned().unwrap_or(Type::Unknown),
            Type::Class(class) => {
                let arguments = match slice {
                    Expr::Tuple(tuple) => tuple.elts.as_slice(),
                    one => std::slice::from_ref(one),
                };
                let given = arguments.iter().map(|argument| self.annotation_in(argument, frame));
                Type::Class(Rc::new(Class {
                    definition: class.definition,
                    frame: Rc::clone(&class.frame),
                    arguments: self.type_variables(class).into_iter().zip(given).collect(),
                }))
            }
            Type::Instance(_) => match self.attribute(value, "__getitem__") {
                method @ Type::Function(_) => self.call(&method, &[]),
                _ => Type::Unknown,
            },
            Type::Union(_) => match value.clone().without_none() {
                Type::Union(members) => {
                    Type::union(members.iter().map(|member| self.subscripted(member, slice, frame)))
                }
                one => self.subscripted(&one, slice, frame),
            },
            _ => Type::Unknown,
        }
    }

    /// What an asynchronous function gives when it is called without arguments and awaited.
    pub fn awaited_call(&self, callee: &Type<'a>) -> Type<'a> {
        match callee {
            Type::Function(function) if matches!(function.code, Code::Def(_)) && function.is_async() => {
                self.returned(function, &Parameters::default())
            }
            other => self.awaited(&self.call(other, &[])),
        }
    }
}

fn index(slice: &Expr, length: usize) -> Option<usize> {
    match slice {
        Expr::NumberLiteral(number) => match &number.value {
            Number::Int(index) => index.as_usize().filter(|index| *index < length),
            _ => None,
        },
        Expr::UnaryOp(operation) if operation.op.is_u_sub() => {
            let back = match &*operation.operand {
                Expr::NumberLiteral(number) => match &number.value {
                    Number::Int(back) => back.as_usize()?,
                    _ => return None,
                },
                _ => return None,
            };
            length.checked_sub(back)
        }
        _ => None,
    }
}
