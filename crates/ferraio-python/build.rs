//! Passes the version of the Python we build for to the code, as `cfg(Py_3_x)`.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
