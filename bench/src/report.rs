//! What the benchmark says in the end: rows, the table made of them, the machine, and the document that keeps both.

pub(crate) mod document;
pub(crate) mod goal;
pub(crate) mod machine;
pub(crate) mod table;
