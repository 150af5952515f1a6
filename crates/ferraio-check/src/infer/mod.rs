//! What an expression is: names are looked up, calls are followed, through all files of the program.
//!
//! Everything is worked out when somebody asks, by the files of the project and of the libraries as they are; bodies of
//! functions without annotations are looked into. What refers to itself, or is too far away, is unknown. One
//! `Inference` serves one file, so that what it says does not depend on what was asked before.

mod annotation;
mod attribute;
mod call;
mod frames;
mod known;
mod names;
mod values;

pub use attribute::blocks;
pub use call::is_abstract;
pub use known::{asyncio_name, full_name};

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast::{BoolOp, Expr, Number, Operator, StmtClassDef, UnaryOp};

use crate::program::Program;
use crate::scope::Scope;
use crate::types::{Code, Frame, Function, Kind, Type};

/// Works out what expressions are.
pub struct Inference<'a, 'p> {
    /// All files.
    pub program: &'p Program<'a>,
    modules: RefCell<HashMap<usize, Rc<Frame<'a>>, rustc_hash::FxBuildHasher>>,
    scopes: RefCell<HashMap<usize, Rc<Scope<'a>>, rustc_hash::FxBuildHasher>>,
    /// What module names are, by scope and name.
    names: RefCell<HashMap<(usize, &'a str), Type<'a>, rustc_hash::FxBuildHasher>>,
    /// What functions are once their decorators have been applied.
    decorated: RefCell<HashMap<usize, Type<'a>, rustc_hash::FxBuildHasher>>,
    /// What functions return that were called without anything known of their arguments.
    returned: RefCell<HashMap<(usize, usize), Type<'a>, rustc_hash::FxBuildHasher>>,
    members: RefCell<HashMap<usize, Rc<attribute::Members<'a>>, rustc_hash::FxBuildHasher>>,
    yielding: RefCell<HashMap<usize, bool, rustc_hash::FxBuildHasher>>,
    /// What is being worked out: asking for it again leads nowhere.
    busy: RefCell<rustc_hash::FxHashSet<(usize, usize)>>,
    depth: Cell<usize>,
    /// How much has been done for the present question.
    effort: Cell<usize>,
    /// How often an answer was cut short.
    cuts: Cell<usize>,
}

/// How many questions a question may lead to, one inside the other. Each takes some kilobytes of the stack.
const DEEPEST: usize = 60;
/// How many questions a question may lead to.
const MOST_EFFORT: usize = 3000;
/// Of a longer display only so many elements are looked at.
const MOST_ELEMENTS: usize = 12;

impl<'a, 'p> Inference<'a, 'p> {
    /// Begin with nothing known.
    pub fn new(program: &'p Program<'a>) -> Self {
        Self {
            program,
            modules: RefCell::default(),
            scopes: RefCell::default(),
            names: RefCell::default(),
            decorated: RefCell::default(),
            returned: RefCell::default(),
            members: RefCell::default(),
            yielding: RefCell::default(),
            busy: RefCell::default(),
            depth: Cell::new(0),
            effort: Cell::new(0),
            cuts: Cell::new(0),
        }
    }

    /// Tell what an expression is, in a scope.
    pub fn expression(&self, expression: &'a Expr, frame: &Rc<Frame<'a>>) -> Type<'a> {
        self.deeper(|| self.value(expression, frame))
    }

    /// Work something out unless it is too far away.
    fn deeper(&self, work: impl FnOnce() -> Type<'a>) -> Type<'a> {
        let depth = self.depth.get();
        if depth == 0 {
            self.effort.set(0);
        }
        self.effort.set(self.effort.get() + 1);
        if depth >= DEEPEST || self.effort.get() > MOST_EFFORT {
            return self.cut();
        }
        self.depth.set(depth + 1);
        let result = work();
        self.depth.set(depth);
        result
    }

    /// Work something out unless that is being done already.
    fn once(&self, key: (usize, usize), work: impl FnOnce() -> Type<'a>) -> Type<'a> {
        if !self.busy.borrow_mut().insert(key) {
            return self.cut();
        }
        let result = work();
        self.busy.borrow_mut().remove(&key);
        result
    }

    /// Work something out, and tell whether the answer may be kept: it was not cut short.
    fn complete(&self, work: impl FnOnce() -> Type<'a>) -> (Type<'a>, bool) {
        let before = self.cuts.get();
        let result = work();
        (result, self.cuts.get() == before)
    }

    fn cut(&self) -> Type<'a> {
        self.cuts.set(self.cuts.get() + 1);
        Type::Unknown
    }

    fn value(&self, expression: &'a Expr, frame: &Rc<Frame<'a>>) -> Type<'a> {
        match expression {
            Expr::Name(name) => self.name(&name.id, frame, Some(name.range.start())),
            Expr::Attribute(attribute) => {
                let value = self.expression(&attribute.value, frame);
                self.attribute(&value, &attribute.attr)
            }
            Expr::Call(call) => self.call_expression(call, frame),
            Expr::Await(awaited) => self.awaited(&self.expression(&awaited.value, frame)),
            Expr::If(choice) => {
                Type::union([self.expression(&choice.body, frame), self.expression(&choice.orelse, frame)])
            }
            Expr::BoolOp(operation) => match operation.op {
                BoolOp::Or => {
                    let last = operation.values.len() - 1;
                    Type::union(operation.values.iter().enumerate().map(|(index, value)| {
                        let value = self.expression(value, frame);
                        if index < last { value.without_none() } else { value }
                    }))
                }
                BoolOp::And => Type::Unknown,
            },
            Expr::Named(named) => self.expression(&named.value, frame),
            Expr::Lambda(lambda) => Type::Function(Rc::new(Function {
                code: Code::Lambda(lambda),
                frame: Rc::clone(frame),
                receiver: None,
            })),
            Expr::List(list) => self.display(Kind::List, &list.elts, frame),
            Expr::Set(set) => self.display(Kind::Set, &set.elts, frame),
            Expr::Tuple(tuple) => {
                if tuple.elts.len() > MOST_ELEMENTS || tuple.elts.iter().any(Expr::is_starred_expr) {
                    return Type::Container(Kind::List, [Type::Unknown].into());
                }
                let elements = tuple.elts.iter().map(|element| self.expression(element, frame));
                Type::Container(Kind::Tuple, elements.collect())
            }
            Expr::Dict(dict) => {
                if dict.items.len() > MOST_ELEMENTS || dict.items.iter().any(|item| item.key.is_none()) {
                    return Type::Container(Kind::Dict, [Type::Unknown, Type::Unknown].into());
                }
                let values = Type::union(dict.items.iter().map(|item| self.expression(&item.value, frame)));
                Type::Container(Kind::Dict, [Type::Unknown, values].into())
            }
            Expr::ListComp(comprehension) => {
                self.comprehension(Kind::List, &comprehension.elt, &comprehension.generators, frame)
            }
            Expr::SetComp(comprehension) => {
                self.comprehension(Kind::Set, &comprehension.elt, &comprehension.generators, frame)
            }
            Expr::Generator(comprehension) => {
                self.comprehension(Kind::Iterator, &comprehension.elt, &comprehension.generators, frame)
            }
            Expr::DictComp(comprehension) => {
                let inner = self.comprehension_frame(&comprehension.generators, frame);
                let value = self.expression(&comprehension.value, &inner);
                Type::Container(Kind::Dict, [Type::Unknown, value].into())
            }
            Expr::Subscript(subscript) => {
                let value = self.expression(&subscript.value, frame);
                self.subscripted(&value, &subscript.slice, frame)
            }
            Expr::BinOp(operation) if operation.op == Operator::Div => {
                let left = self.expression(&operation.left, frame);
                match &left {
                    Type::Instance(_) => self.call(&self.attribute(&left, "__truediv__"), &[]),
                    _ => Type::Unknown,
                }
            }
            Expr::UnaryOp(operation) if operation.op == UnaryOp::Not => Type::Plain("bool"),
            Expr::FString(_) | Expr::StringLiteral(_) => Type::Plain("str"),
            Expr::BytesLiteral(_) => Type::Plain("bytes"),
            Expr::NumberLiteral(number) => match number.value {
                Number::Int(_) => Type::Plain("int"),
                Number::Float(_) => Type::Plain("float"),
                Number::Complex { .. } => Type::Plain("complex"),
            },
            Expr::BooleanLiteral(_) => Type::Plain("bool"),
            Expr::NoneLiteral(_) => Type::None,
            _ => Type::Unknown,
        }
    }

    /// Whether a test is true or false whenever it is made: a literal, or a name that is bound to one, once.
    pub fn constant(&self, test: &'a Expr, frame: &Rc<Frame<'a>>) -> Option<bool> {
        match test {
            Expr::BooleanLiteral(literal) => Some(literal.value),
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(int) => Some(*int != 0),
                _ => None,
            },
            Expr::UnaryOp(operation) if operation.op.is_not() => {
                self.constant(&operation.operand, frame).map(|truth| !truth)
            }
            Expr::BoolOp(operation) => {
                let mut parts = operation.values.iter().map(|part| self.constant(part, frame));
                match operation.op {
                    BoolOp::And => parts.any(|part| part == Some(false)).then_some(false),
                    BoolOp::Or => parts.any(|part| part == Some(true)).then_some(true),
                }
            }
            Expr::Name(name) => self.constant_name(&name.id, frame, 0),
            _ => None,
        }
    }

    fn display(&self, kind: Kind, elements: &'a [Expr], frame: &Rc<Frame<'a>>) -> Type<'a> {
        if elements.len() > MOST_ELEMENTS || elements.iter().any(Expr::is_starred_expr) {
            return Type::Container(kind, [Type::Unknown].into());
        }
        let element = Type::union(elements.iter().map(|element| self.expression(element, frame)));
        Type::Container(kind, [element].into())
    }

    fn comprehension(
        &self,
        kind: Kind,
        element: &'a Expr,
        generators: &'a [ruff_python_ast::Comprehension],
        frame: &Rc<Frame<'a>>,
    ) -> Type<'a> {
        let inner = self.comprehension_frame(generators, frame);
        Type::Container(kind, [self.expression(element, &inner)].into())
    }
}

/// What tells two things in the tree apart.
fn identity<T>(node: &T) -> usize {
    std::ptr::from_ref(node) as usize
}

/// The expressions that a class derives from.
pub fn bases(class: &StmtClassDef) -> &[Expr] {
    class.arguments.as_deref().map_or(&[], |arguments| &arguments.args)
}

/// Whether an expression ends with this name: `wraps` and `functools.wraps`.
pub fn ends_with(expression: &Expr, last: &str) -> bool {
    match expression {
        Expr::Name(name) => name.id == *last,
        Expr::Attribute(attribute) => attribute.attr.as_str() == last,
        _ => false,
    }
}
