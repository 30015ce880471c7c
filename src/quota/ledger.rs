//! Where an account is kept: in the process, or where several processes share it.
//!
//! Whoever wants to ask takes the account, decides, and puts it back, as one step that nobody else
//! comes between. So however many share a ledger, all together keep to what one would.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use super::{Account, Remote};

/// The ledger can't be had: whoever wants to ask waits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the account of requests can't be had: {0}")]
pub struct Away(pub String);

/// What comes of a change, later.
pub type Changing<'a> = Pin<Box<dyn Future<Output = Result<(), Away>> + Send + 'a>>;

/// Keeps one account.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Changes it in one step.
    fn change<'a>(&'a self, act: &'a mut (dyn FnMut(&mut Account) + Send)) -> Changing<'a>;
}

/// An account that nobody else has.
#[derive(Debug)]
pub struct InMemory(Mutex<Account>);

impl InMemory {
    /// A new one.
    pub fn new(remote: Remote) -> Self {
        Self(Mutex::new(Account::new(remote)))
    }
}

impl Ledger for InMemory {
    fn change<'a>(&'a self, act: &'a mut (dyn FnMut(&mut Account) + Send)) -> Changing<'a> {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(std::future::ready(Ok(())))
    }
}
