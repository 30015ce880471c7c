//! Whether what is shown is real. `jetbridge demo` plays GitHub and Plane itself, and nobody shall
//! take that for their own work: every page says so in a banner (`templates/simulation.html`), and
//! every answer in a header, for programs.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::state::WebState;

/// Says of every answer that nothing in it is real.
pub const HEADER: HeaderName = HeaderName::from_static("x-jetbridge-simulation");

/// Where what is shown comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reality {
    /// From people.
    #[default]
    Real,
    /// From simulators inside this process.
    Simulated,
}

impl Reality {
    /// For templates, which know no enums.
    pub fn is_simulated(self) -> bool {
        self == Self::Simulated
    }
}

/// Marks answers of a simulation.
pub async fn say_so(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if state.reality.is_simulated() {
        response.headers_mut().insert(HEADER, HeaderValue::from_static("true"));
    }
    response
}
