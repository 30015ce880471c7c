//! The thread that owns the spool's files: appends, hands out, removes, one thing at a time.
//!
//! A thread of its own rather than the runtime's blocking ones: those look names up, which is what
//! hangs while a database is away.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use tracing::{error, info, warn};

use super::place::Place;
use super::record::{Spooled, encode};
use super::repeats::Repeats;
use super::segment::{Found, Segment};
use super::{
    Admission, Appended, Batch, Command, Kept, NotKept, Position, Shared, SpoolState, When,
};
use crate::clock::Timestamp;
use crate::sources::Verified;

/// A file that has reached this is followed by another one.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

pub(super) struct Keeper {
    place: Place,
    max_bytes: u64,
    segments: VecDeque<Segment>,
    /// The number of the segment that may be appended to.
    open: Option<u64>,
    next_number: u64,
    /// How far the oldest segment is drained.
    drained_to: u64,
    /// Segments in which something could not be read.
    damaged: Vec<u64>,
    repeats: Repeats,
    state: SpoolState,
    shared: Arc<Shared>,
}

impl Keeper {
    pub(super) fn open(
        place: Place,
        admission: Admission,
        shared: Arc<Shared>,
        now: Timestamp,
    ) -> io::Result<Self> {
        let max_bytes = match admission {
            Admission::UpTo(bytes) => bytes,
            Admission::Nobody => 0,
        };
        let mut keeper = Self {
            place,
            max_bytes,
            segments: VecDeque::new(),
            open: None,
            next_number: 1,
            drained_to: 0,
            damaged: Vec::new(),
            repeats: Repeats::default(),
            state: SpoolState { max_bytes, ..SpoolState::default() },
            shared,
        };
        for (path, number) in Segment::all(keeper.place.own())? {
            keeper.take_in(path, number)?;
        }
        keeper.take_over();
        if !keeper.segments.is_empty() {
            keeper.begin(now);
        }
        keeper.publish();
        let SpoolState { since, deliveries, bytes, .. } = keeper.state;
        if since.is_some() {
            info!(
                "{deliveries} deliveries ({bytes} bytes) of a process before this one wait in the spool"
            );
        }
        Ok(keeper)
    }

    pub(super) fn run(mut self, commands: &mpsc::Receiver<Command>) {
        while let Ok(command) = commands.recv() {
            self.obey(command);
        }
    }

    /// Who asked may be gone meanwhile, which changes nothing.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Begin { now, done } => {
                self.begin(now);
                self.publish();
                let _ = done.send(());
            }
            Command::Append { batch, now, when, done } => {
                if when == When::Spooling && self.state.since.is_none() {
                    let _ = done.send(Appended::Elsewhere(batch));
                    return;
                }
                self.begin(now);
                let fates = self.append(&batch, now);
                self.publish();
                let _ = done.send(Appended::Done(fates));
            }
            Command::Next { rows, bytes, done } => {
                let batch = self.next(rows, bytes);
                self.publish();
                let _ = done.send(batch);
            }
            Command::RemoveTo { end, done } => {
                self.remove_to(end);
                self.publish();
                let _ = done.send(());
            }
            Command::SetAside { record, done } => {
                let kept = self.set_aside(&record);
                self.publish();
                let _ = done.send(kept);
            }
            Command::Finish { done } => {
                if self.segments.is_empty() {
                    self.take_over();
                }
                let nothing_left = self.segments.is_empty();
                if nothing_left {
                    self.state.since = None;
                }
                self.publish();
                let _ = done.send(nothing_left);
            }
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.state.since.get_or_insert(now);
    }

    fn publish(&mut self) {
        self.state.bytes = self.segments.iter().map(|s| s.bytes).sum();
        let mut shown = self.shared.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *shown = self.state;
        drop(shown);
        let spooling = self.state.since.is_some();
        self.shared.spooling.send_if_modified(|now| std::mem::replace(now, spooling) != spooling);
    }

    fn append(&mut self, batch: &[Verified], now: Timestamp) -> Vec<Result<Kept, NotKept>> {
        let (mut fates, records) = self.judge(batch, now);
        if records.is_empty() {
            return fates;
        }
        match self.write(&records) {
            Ok(segment) => {
                let new = batch.iter().zip(&fates).filter(|(_, fate)| **fate == Ok(Kept::New));
                for (delivery, _) in new {
                    self.repeats.remember(segment, delivery);
                    self.state.deliveries += 1;
                    self.state.appended += 1;
                }
                self.state.oldest.get_or_insert(now);
            }
            Err(error) => {
                error!(error = %error, "the spool can't be written: deliveries are refused with 503 until it can, or until the database is back");
                // A repeat may be of what lies there already; to refuse it too does no harm.
                for fate in fates.iter_mut().filter(|fate| fate.is_ok()) {
                    *fate = Err(NotKept::Unwritable(error.to_string()));
                }
            }
        }
        fates
    }

    /// What is to become of each, and the records of those that are new.
    fn judge(&self, batch: &[Verified], now: Timestamp) -> (Vec<Result<Kept, NotKept>>, Vec<u8>) {
        let used: u64 = self.segments.iter().map(|s| s.bytes).sum();
        let (mut records, mut here) = (Vec::new(), Repeats::default());
        let mut judge = |delivery: &Verified| {
            if let Some(of) = self.repeats.of(delivery).or_else(|| here.of(delivery)) {
                return Ok(Kept::Repeat(of));
            }
            let record = encode(delivery, now)
                .ok_or_else(|| NotKept::Unwritable("its headers are too long".to_owned()))?;
            if used + (records.len() + record.len()) as u64 > self.max_bytes {
                return Err(NotKept::Full { max_bytes: self.max_bytes });
            }
            records.extend_from_slice(&record);
            here.remember(0, delivery);
            Ok(Kept::New)
        };
        let fates = batch.iter().map(&mut judge).collect();
        (fates, records)
    }

    /// The number of the segment that has them.
    fn write(&mut self, records: &[u8]) -> io::Result<u64> {
        let length = records.len() as u64;
        let fits = |s: &Segment| s.bytes == 0 || s.bytes + length <= SEGMENT_BYTES;
        let open = self.open;
        if !self.segments.back().is_some_and(|s| Some(s.number) == open && fits(s)) {
            let number = self.next_number;
            self.next_number += 1;
            self.segments.push_back(Segment::create(self.place.own(), number)?);
            self.open = Some(number);
        }
        let Some(last) = self.segments.back_mut() else { return Err(super::gone()) };
        let (number, written) = (last.number, last.append(records));
        if written.is_err() {
            self.open = None;
            self.drop_unused();
        }
        written.map(|()| number)
    }

    /// A file into which nothing could be written is not left behind: the next try makes another.
    fn drop_unused(&mut self) {
        if let Some(last) = self.segments.pop_back_if(|s| s.bytes == 0) {
            let _ = last.remove();
        }
    }

    fn next(&mut self, rows: usize, bytes: usize) -> io::Result<Batch> {
        self.drop_drained();
        let mut batch = Batch { records: Vec::new(), end: None };
        let (mut at, mut taken) = (self.drained_to, 0);
        for index in 0..self.segments.len() {
            let number = self.segments[index].number;
            loop {
                match self.segments[index].look(at)? {
                    Found::Record(record, next) => {
                        taken += record.delivery.body().len();
                        if !batch.records.is_empty() && taken > bytes {
                            return Ok(batch);
                        }
                        batch.records.push(*record);
                        at = next;
                    }
                    Found::Torn | Found::Damage => at = self.step_over(index, at)?,
                    Found::End => break,
                }
                let deliveries = batch.records.len() as u64;
                batch.end = Some(Position { segment: number, at, deliveries });
                if batch.records.len() == rows {
                    return Ok(batch);
                }
            }
            at = 0;
        }
        Ok(batch)
    }

    /// Where to read on behind damage.
    fn step_over(&mut self, index: usize, at: u64) -> io::Result<u64> {
        let segment = &self.segments[index];
        let next = segment.next_record(at + 1)?.unwrap_or(segment.bytes);
        self.found_damage(index, at, next);
        Ok(next)
    }

    /// Said once a file: until it is drained it is read again and again.
    fn found_damage(&mut self, index: usize, at: u64, next: u64) {
        let (number, path) = (self.segments[index].number, self.segments[index].path.display());
        if self.damaged.contains(&number) {
            return;
        }
        error!(
            "{path} is damaged from byte {at} to {next}: what lies between is lost to us; the file is kept as .damaged, and a redelivery at the sender brings it again"
        );
        self.damaged.push(number);
        self.state.damaged += 1;
    }

    fn remove_to(&mut self, end: Position) {
        while self.segments.front().is_some_and(|s| s.number < end.segment) {
            self.drop_oldest();
        }
        if self.segments.front().is_some_and(|s| s.number == end.segment) {
            self.drained_to = end.at;
        }
        self.state.deliveries = self.state.deliveries.saturating_sub(end.deliveries);
        self.state.drained += end.deliveries;
        self.drop_drained();
        self.find_oldest();
    }

    /// Removes segments of which nothing is left.
    fn drop_drained(&mut self) {
        while self.segments.front().is_some_and(|s| self.drained_to >= s.bytes) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        self.drained_to = 0;
        let Some(segment) = self.segments.pop_front() else { return };
        let (number, path) = (segment.number, segment.path.clone());
        if self.open == Some(number) {
            self.open = None;
        }
        self.repeats.forget_to(number);
        let removed = if self.damaged.contains(&number) {
            segment.keep_as("damaged").map(drop)
        } else {
            segment.remove()
        };
        if let Err(error) = removed {
            // Its rows are committed, so another drain of it would change nothing.
            warn!(error = %error, "{} is drained and can't be removed: remove it by hand", path.display());
        }
    }

    fn find_oldest(&mut self) {
        let oldest = self.segments.front().map(|s| s.look(self.drained_to));
        self.state.oldest = match oldest {
            Some(Ok(Found::Record(record, _))) => Some(record.received_at),
            Some(_) => self.state.oldest,
            None => None,
        };
    }

    fn set_aside(&mut self, record: &Spooled) -> io::Result<()> {
        let Some(bytes) = encode(&record.delivery, record.received_at) else {
            return Err(io::Error::other("its headers are too long"));
        };
        let number = self.next_number;
        self.next_number += 1;
        let mut segment = Segment::create(self.place.own(), number)?;
        let kept = segment.append(&bytes).and_then(|()| segment.keep_as("refused"));
        kept.map(|_| self.state.set_aside += 1)
    }

    /// Takes over what other processes left when they died.
    fn take_over(&mut self) {
        for (path, number) in self.place.take_over(self.next_number) {
            let shown = path.display().to_string();
            if let Err(error) = self.take_in(path, number) {
                error!(error = %error, "{shown} holds accepted deliveries of a dead process and can't be read; the next start tries again");
                self.state.damaged += 1;
            }
        }
        self.drop_drained();
        self.find_oldest();
    }

    /// A file that is there already is ours from here on.
    fn take_in(&mut self, path: PathBuf, number: u64) -> io::Result<()> {
        self.next_number = self.next_number.max(number + 1);
        let mut segment = Segment::open(path, number)?;
        self.count(&mut segment)?;
        self.segments.push_back(segment);
        Ok(())
    }

    /// Counts what a dead process left in a file and cuts its torn end off.
    fn count(&mut self, segment: &mut Segment) -> io::Result<()> {
        let mut at = 0;
        loop {
            match segment.look(at)? {
                Found::Record(record, next) => {
                    self.state.deliveries += 1;
                    self.repeats.remember(segment.number, &record.delivery);
                    at = next;
                }
                Found::End => return Ok(()),
                found @ (Found::Torn | Found::Damage) => match segment.next_record(at + 1)? {
                    // The drain says what it steps over.
                    Some(next) => at = next,
                    None if matches!(found, Found::Torn) => {
                        let torn = segment.bytes - at;
                        info!(
                            "{}: {torn} bytes of a delivery that nobody was told is accepted are cut off",
                            segment.path.display()
                        );
                        return segment.cut(at);
                    }
                    None => {
                        let copy = segment.path.with_extension("damaged");
                        std::fs::copy(&segment.path, &copy)?;
                        error!(
                            "{} can't be read from byte {at} on: what follows is cut off and kept in {}",
                            segment.path.display(),
                            copy.display()
                        );
                        self.state.damaged += 1;
                        return segment.cut(at);
                    }
                },
            }
        }
    }
}
