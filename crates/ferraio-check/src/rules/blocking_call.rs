#![doc = include_str!("../../../../docs/rules/FER002.md")]

use ferraio_report::{Edit, Fix, Label, Severity};
use ruff_python_ast::{Expr, ExprCall, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::Rule;
use crate::chain::{End, entered};
use crate::check::{Checker, Site, shorten};
use crate::infer::full_name;
use crate::types::Type;

/// A call in an asynchronous function stops the whole loop until it returns.
pub const RULE: Rule = Rule {
    code: "FER002",
    name: "blocking-call",
    severity: Severity::Warning,
    is_default: true,
    page: include_str!("../../../../docs/rules/FER002.md"),
};

/// What waits for long: for time, for the network, for other processes and threads, for a person.
const WAITS: [&str; 50] = [
    "time.sleep",
    "os.system",
    "os.wait",
    "os.wait3",
    "os.wait4",
    "os.waitpid",
    "os.waitid",
    "posix.system",
    "posix.wait",
    "posix.waitpid",
    "os.popen",
    "os.spawnl",
    "os.spawnv",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "subprocess.Popen",
    "subprocess.Popen.wait",
    "subprocess.Popen.communicate",
    "urllib.request.urlopen",
    "urllib.request.urlretrieve",
    "socket.create_connection",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "_socket.gethostbyname",
    "_socket.getaddrinfo",
    "http.client.HTTPConnection.request",
    "http.client.HTTPConnection.getresponse",
    "http.client.HTTPConnection.connect",
    "smtplib.SMTP",
    "smtplib.SMTP_SSL",
    "ftplib.FTP",
    "select.select",
    "concurrent.futures._base.wait",
    "concurrent.futures._base.Future.result",
    "concurrent.futures._base.Future.exception",
    "threading.Thread.join",
    "threading.Event.wait",
    "threading.Condition.wait",
    "threading.Barrier.wait",
    "queue.Queue.join",
    "multiprocessing.process.BaseProcess.join",
    "hashlib.pbkdf2_hmac",
    "hashlib.scrypt",
    "_hashlib.pbkdf2_hmac",
    "_hashlib.scrypt",
    "builtins.input",
];

/// What waits for long unless it is told not to.
const WAITS_UNLESS_TOLD: [&str; 10] = [
    "threading.Semaphore.acquire",
    "threading.Condition.acquire",
    "_thread.lock.acquire",
    "_thread.LockType.acquire",
    "_thread.RLock.acquire",
    "_thread.allocate_lock.acquire",
    "threading._RLock.acquire",
    "threading.Lock.acquire",
    "queue.Queue.get",
    "queue.Queue.put",
];

/// What waits for the disk: of no weight in a program's first moments, so that only calls in sight are told.
const FILES: [&str; 32] = [
    "builtins.open",
    "io.open",
    "_io.open",
    "os.fdopen",
    "shutil.copy",
    "shutil.copy2",
    "shutil.copyfile",
    "shutil.copytree",
    "shutil.rmtree",
    "shutil.move",
    "os.path.exists",
    "os.path.isfile",
    "os.path.isdir",
    "os.path.getsize",
    "os.path.getmtime",
    "os.listdir",
    "os.scandir",
    "os.walk",
    "os.stat",
    "os.makedirs",
    "os.mkdir",
    "os.remove",
    "os.unlink",
    "os.rename",
    "os.replace",
    "genericpath.exists",
    "genericpath.isfile",
    "genericpath.isdir",
    "genericpath.getsize",
    "genericpath.getmtime",
    "sqlite3.connect",
    "sqlite3.dbapi2.connect",
];

/// Methods of `pathlib.Path` that go to the disk.
const PATH_METHODS: [&str; 17] = [
    "open",
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "exists",
    "is_file",
    "is_dir",
    "stat",
    "mkdir",
    "unlink",
    "rename",
    "replace",
    "iterdir",
    "glob",
    "rglob",
    "touch",
];

/// Functions and methods of libraries that talk over the network.
const VERBS: [&str; 10] = ["get", "post", "put", "patch", "delete", "head", "options", "request", "send", "stream"];

/// Whether this call waits for something that takes long, wherever it stands.
pub fn blocks_for_long(callee: &Type<'_>, call: &ExprCall) -> bool {
    let Some(name) = full_name(callee) else { return false };
    if WAITS.contains(&name.as_str()) {
        return !(name.ends_with(".result") || name.ends_with("Event.wait")) || !has_zero_timeout(call);
    }
    if WAITS_UNLESS_TOLD.contains(&name.as_str()) {
        return !is_told_not_to_wait(call);
    }
    if let Some((before, verb)) = name.rsplit_once('.')
        && VERBS.contains(&verb)
    {
        return matches!(
            before,
            "requests"
                | "requests.api"
                | "requests.sessions.Session"
                | "requests.Session"
                | "requests.session"
                | "httpx"
                | "httpx._api"
                | "httpx._client.Client"
                | "httpx.Client"
                | "httpx2"
                | "httpx2._api"
                | "httpx2._client.Client"
                | "httpx2.Client"
                | "urllib3"
                | "urllib3.PoolManager"
                | "urllib3.poolmanager.PoolManager"
                | "urllib3._request_methods.RequestMethods"
        );
    }
    matches!(
        name.as_str(),
        "psycopg2.connect"
            | "pymysql.connect"
            | "MySQLdb.connect"
            | "psycopg.connect"
            | "psycopg.connection.Connection.connect"
            | "bcrypt.hashpw"
            | "bcrypt.checkpw"
            | "bcrypt._bcrypt.hashpw"
    )
}

fn has_zero_timeout(call: &ExprCall) -> bool {
    call.arguments.find_argument_value("timeout", 0).is_some_and(is_zero)
}

fn is_zero(value: &Expr) -> bool {
    matches!(value, Expr::NumberLiteral(number) if matches!(&number.value, ruff_python_ast::Number::Int(int) if *int == 0))
}

fn is_told_not_to_wait(call: &ExprCall) -> bool {
    let refuses = |value: &Expr| matches!(value, Expr::BooleanLiteral(literal) if !literal.value) || is_zero(value);
    call.arguments.args.iter().any(refuses)
        || call.arguments.keywords.iter().any(|keyword| {
            keyword.arg.as_ref().is_some_and(|name| matches!(name.as_str(), "block" | "blocking" | "timeout"))
                && refuses(&keyword.value)
        })
}

fn waits_for_disk(callee: &Type<'_>) -> bool {
    full_name(callee).is_some_and(|name| {
        FILES.contains(&name.as_str())
            || name
                .strip_prefix("pathlib.Path.")
                .or_else(|| name.strip_prefix("pathlib._local.Path."))
                .or_else(|| name.strip_prefix("pathlib._abc.PathBase."))
                .is_some_and(|method| PATH_METHODS.contains(&method))
    })
}

/// Look at a call in an asynchronous function.
pub fn call<'a>(checker: &mut Checker<'a, '_>, call: &'a ExprCall, callee: &Type<'a>, site: &Site<'a>) {
    let shown = checker.text(&*call.func);
    if blocks_for_long(callee, call) || waits_for_disk(callee) {
        let name = full_name(callee).unwrap_or_default();
        let mut finding = checker.finding(&RULE, call.range(), format!("`{shown}()` blocks the event loop"));
        finding.primary.text = match site.function() {
            Some(function) => format!("while this waits, nothing else runs, not only `{}`", function.name),
            None => "while this waits, nothing else runs".into(),
        };
        if name == "time.sleep" {
            finding.fix = Some(asyncio_sleep(checker, call));
        } else {
            finding.help = Some(instead(checker, call, &name));
        }
        checker.report(finding);
        return;
    }
    let Some(function) = entered(&checker.infer, callee) else { return };
    let Some(chain) = checker.chains.from(&checker.infer, &function, End::Blocks) else { return };
    let names: Vec<&str> = chain.iter().map(|step| step.callee.as_str()).collect();
    let title = format!("`{shown}()` blocks the event loop: `{}` → `{}`", function.name(), names.join("` → `"));
    let mut finding = checker.finding(&RULE, call.range(), title);
    finding.primary.text = "while this waits, nothing else runs".into();
    let last = chain.len() - 1;
    for (index, step) in chain.iter().enumerate() {
        let text = if index == last { "blocks here" } else { "by way of this" };
        finding.secondary.push(Label { place: step.file.place(step.range), text: text.into() });
    }
    finding.help = Some(format!("write `{}`, or make it asynchronous all the way", in_thread(checker, call)));
    checker.report(finding);
}

fn instead(checker: &Checker<'_, '_>, call: &ExprCall, name: &str) -> String {
    let in_thread = in_thread(checker, call);
    match name.split('.').next().unwrap_or_default() {
        "subprocess" | "os" | "posix" if !waits_like_a_file(name) => {
            format!("use `await asyncio.create_subprocess_exec(…)`, or write `{in_thread}`")
        }
        "requests" | "httpx" | "urllib" | "urllib3" | "http" => {
            format!("use an asynchronous client such as `httpx.AsyncClient`, or write `{in_thread}`")
        }
        "threading" | "_thread" | "queue" => match of_asyncio(name) {
            Some(class) => {
                format!("make it an `asyncio.{class}`, and write `await {}`", checker.text(call))
            }
            None => format!("write `{in_thread}`"),
        },
        _ => format!("write `{in_thread}`"),
    }
}

/// The class of asyncio that does for tasks what the class of this method does for threads.
fn of_asyncio(method: &str) -> Option<&'static str> {
    Some(match method.rsplit('.').nth(1)? {
        "lock" | "LockType" | "Lock" | "RLock" | "_RLock" | "allocate_lock" => "Lock",
        "Semaphore" => "Semaphore",
        "Condition" => "Condition",
        "Event" => "Event",
        "Barrier" => "Barrier",
        "Queue" => "Queue",
        _ => return None,
    })
}

/// The same call, made in a thread: `await asyncio.to_thread(load, 1)`.
fn in_thread(checker: &Checker<'_, '_>, call: &ExprCall) -> String {
    let arguments = checker.file.slice(call.arguments.range());
    let inside = arguments.get(1..arguments.len().saturating_sub(1)).unwrap_or_default();
    let inside = shorten(inside.trim().trim_end_matches(','));
    let comma = if inside.is_empty() { "" } else { ", " };
    format!("await asyncio.to_thread({}{comma}{inside})", checker.text(&*call.func))
}

fn waits_like_a_file(name: &str) -> bool {
    FILES.contains(&name)
}

/// `time.sleep(1)` becomes `await asyncio.sleep(1)`, with the import if it is missing.
fn asyncio_sleep(checker: &Checker<'_, '_>, call: &ExprCall) -> Fix {
    let mut edits = Vec::new();
    if let Err(place) = import_of_asyncio(&checker.file.parsed.syntax().body) {
        let place = checker.file.place(TextRange::empty(place));
        edits.push(Edit { place, replacement: "import asyncio\n".into() });
    }
    let place = checker.file.place(call.func.range());
    // Somebody may have written `await time.sleep(1)` already.
    let is_awaited = checker.file.text[..call.start().to_usize()].trim_end().ends_with("await");
    let replacement = if is_awaited { "asyncio.sleep" } else { "await asyncio.sleep" };
    edits.push(Edit { place, replacement: replacement.into() });
    Fix { title: "sleep without blocking".into(), edits, safe: true }
}

/// Whether a module has `import asyncio`, or else where it would go: before the first import, or before the first
/// statement that is neither the docstring nor an import from `__future__`, which have to come first.
fn import_of_asyncio(body: &[Stmt]) -> Result<(), TextSize> {
    let mut first_import = None;
    let mut first_other = None;
    for (index, statement) in body.iter().enumerate() {
        match statement {
            Stmt::Import(import) => {
                if import.names.iter().any(|alias| alias.name.as_str() == "asyncio" && alias.asname.is_none()) {
                    return Ok(());
                }
                first_import = first_import.or(Some(statement.start()));
            }
            Stmt::ImportFrom(import) if import.module.as_ref().is_none_or(|module| module.as_str() != "__future__") => {
                first_import = first_import.or(Some(statement.start()));
            }
            Stmt::ImportFrom(_) => {}
            Stmt::Expr(text) if index == 0 && text.value.is_string_literal_expr() => {}
            _ => first_other = first_other.or(Some(statement.start())),
        }
    }
    Err(first_import.or(first_other).unwrap_or_default())
}
