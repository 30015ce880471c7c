//! A simulated Plane.

pub mod html;
