//! Plane: three dialects of webhook in, one [`Change`](crate::work_items::Change) out.
