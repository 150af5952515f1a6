"""Extensions in C that only the benches need: compiled for the running Python, and loaded."""

import importlib.util
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType


def compiled(name: str, directory: str) -> str:
    """Compile the source of that name here into a directory; return the file."""
    extension = f"{directory}/{name}.so"
    include = Path(sysconfig.get_path("include"))
    # Debian's headers are in two folders.
    headers = [f"-I{include}", f"-I{include.parent}"]
    source = Path(__file__).with_name(f"{name}.c")
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", *headers, source, "-o", extension], check=True)
    return extension


def loaded(extension: str) -> ModuleType:
    """The module in a compiled file."""
    spec = importlib.util.spec_from_file_location(Path(extension).stem, extension)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
