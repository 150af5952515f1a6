//! Scopes at work: of modules, classes, functions and comprehensions. Their names are collected once.

use std::rc::Rc;

use ruff_python_ast::{Comprehension, ExprLambda, StmtClassDef, StmtFunctionDef};

use super::{Inference, identity};
use crate::scope::Scope;
use crate::source::File;
use crate::types::{Argument, Class, Code, Frame, FrameKind, Function, Parameters, Type};

impl<'a> Inference<'a, '_> {
    /// The scope of a file.
    pub fn module_frame(&self, file: &'a File) -> Rc<Frame<'a>> {
        if let Some(known) = self.modules.borrow().get(&identity(file)) {
            return Rc::clone(known);
        }
        let scope = Rc::new(Scope::of(&file.parsed.syntax().body));
        let frame = Rc::new(Frame {
            kind: FrameKind::Module,
            file,
            scope,
            parent: None,
            bound: Parameters::default(),
            receiver: None,
        });
        self.modules.borrow_mut().insert(identity(file), Rc::clone(&frame));
        frame
    }

    /// The scope of a class body.
    pub fn class_frame(&self, class: &Class<'a>) -> Rc<Frame<'a>> {
        let bound = class.arguments.iter().map(|(name, value)| (*name, Argument::Known(value.clone()))).collect();
        self.class_frame_in(class.definition, &class.frame, bound)
    }

    fn class_frame_in(
        &self,
        definition: &'a StmtClassDef,
        parent: &Rc<Frame<'a>>,
        bound: Parameters<'a>,
    ) -> Rc<Frame<'a>> {
        let scope = self.scope(identity(definition), || Scope::of_class(definition));
        self.frame(FrameKind::Class(definition), scope, parent, bound, None)
    }

    /// The scope of a class body as its text has it.
    pub fn plain_class_frame(&self, definition: &'a StmtClassDef, parent: &Rc<Frame<'a>>) -> Rc<Frame<'a>> {
        self.class_frame_in(definition, parent, Parameters::default())
    }

    /// The scope of a function as its text has it.
    pub fn plain_function_frame(&self, definition: &'a StmtFunctionDef, parent: &Rc<Frame<'a>>) -> Rc<Frame<'a>> {
        let scope = self.scope(identity(definition), || Scope::of_function(definition));
        self.frame(FrameKind::Function(definition), scope, parent, Parameters::default(), None)
    }

    /// The scope of a function for one call of it.
    pub fn frame_of(&self, function: &Function<'a>, bound: Parameters<'a>) -> Rc<Frame<'a>> {
        let receiver = function.receiver.clone();
        match function.code {
            Code::Def(definition) => {
                let scope = self.scope(identity(definition), || Scope::of_function(definition));
                self.frame(FrameKind::Function(definition), scope, &function.frame, bound, receiver)
            }
            Code::Lambda(lambda) => self.lambda_frame_with(lambda, &function.frame, bound),
        }
    }

    /// The scope of a lambda as its text has it.
    pub fn lambda_frame(&self, lambda: &'a ExprLambda, parent: &Rc<Frame<'a>>) -> Rc<Frame<'a>> {
        self.lambda_frame_with(lambda, parent, Parameters::default())
    }

    fn lambda_frame_with(
        &self,
        lambda: &'a ExprLambda,
        parent: &Rc<Frame<'a>>,
        bound: Parameters<'a>,
    ) -> Rc<Frame<'a>> {
        let scope = self.scope(identity(lambda), || Scope::of_lambda(lambda.parameters.as_deref()));
        self.frame(FrameKind::Lambda, scope, parent, bound, None)
    }

    /// The scope of a comprehension.
    pub fn comprehension_frame(&self, generators: &'a [Comprehension], parent: &Rc<Frame<'a>>) -> Rc<Frame<'a>> {
        let scope = match generators.first() {
            Some(first) => self.scope(identity(first), || Scope::of_comprehension(generators)),
            None => Rc::default(),
        };
        self.frame(FrameKind::Comprehension, scope, parent, Parameters::default(), None)
    }

    fn frame(
        &self,
        kind: FrameKind<'a>,
        scope: Rc<Scope<'a>>,
        parent: &Rc<Frame<'a>>,
        bound: Parameters<'a>,
        receiver: Option<Type<'a>>,
    ) -> Rc<Frame<'a>> {
        Rc::new(Frame { kind, file: parent.file, scope, parent: Some(Rc::clone(parent)), bound, receiver })
    }

    fn scope(&self, key: usize, build: impl FnOnce() -> Scope<'a>) -> Rc<Scope<'a>> {
        if let Some(known) = self.scopes.borrow().get(&key) {
            return Rc::clone(known);
        }
        let scope = Rc::new(build());
        self.scopes.borrow_mut().insert(key, Rc::clone(&scope));
        scope
    }
}
