//! A commit whose answer is lost: the database has the delivery, and nobody was told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::ledger::Accounts;
use crate::support::process::Served;
use crate::world::{World, drained, new_delivery, post, worked_off};

/// Stands between a process and its database, and swallows the answer to what holds a certain text.
struct Wire {
    address: SocketAddr,
    text: Arc<Mutex<Option<String>>>,
    swallowed: Arc<Notify>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let wire = Self {
            address: listener.local_addr().unwrap(),
            text: Arc::default(),
            swallowed: Arc::default(),
        };
        let (text, swallowed) = (Arc::clone(&wire.text), Arc::clone(&wire.swallowed));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let cut = Arc::new(Notify::new());
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                let asking = ask(near_in, far_out, Arc::clone(&text), Arc::clone(&cut));
                tokio::spawn(asking);
                tokio::spawn(answer(far_in, near_out, cut, Arc::clone(&swallowed)));
            }
        });
        wire
    }

    /// The answer to the next question with this text in it is lost, and its connection with it.
    fn lose_the_answer_to(&self, text: &str) {
        *self.text.lock().unwrap() = Some(text.to_owned());
    }
}

/// Passes questions on. What comes in pieces is not looked for beyond a piece: a question that is
/// sent at once and is smaller than a piece is in one.
async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    text: Arc<Mutex<Option<String>>>,
    cut: Arc<Notify>,
) {
    let mut part = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut part).await {
        let holds = |text: &String| part[..read].windows(text.len()).any(|w| w == text.as_bytes());
        if text.lock().unwrap().take_if(|text| holds(text)).is_some() {
            cut.notify_one();
        }
        if to.write_all(&part[..read]).await.is_err() {
            return;
        }
    }
}

/// Passes answers on until one is to be lost; the database has done by then what it was asked to.
async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    cut: Arc<Notify>,
    swallowed: Arc<Notify>,
) {
    let mut part = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            biased;
            () = cut.notified() => break,
            read = from.read(&mut part) => match read {
                Ok(read @ 1..) => if to.write_all(&part[..read]).await.is_err() { return },
                _ => return,
            },
        }
    }
    let _ = from.read(&mut part).await;
    swallowed.notify_one();
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_accepted_and_stored_once() {
    let world = World::new();
    let port = world.url.split(':').nth(2).and_then(|rest| rest.split('/').next());
    let wire = Wire::to(port.unwrap().parse().unwrap()).await;
    let url = world.url.replace(port.unwrap(), &wire.address.port().to_string());
    let served = Served::start_with(&url, world.folder.path(), &[], &[]);
    let mut accounts = Accounts::default();
    for _ in 0..5 {
        let delivery = new_delivery();
        wire.lose_the_answer_to(&delivery.id);
        let answer = post(&served, &delivery).await;
        wire.swallowed.notified().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.body.contains("duplicate"), "{answer:?}");
        drained(&served).await;
        let again = post(&served, &delivery).await;
        assert!(again.body.contains("\"duplicate\":true"), "{again:?}");
        accounts.add("answers of the database that were lost", vec![delivery.id]);
    }
    let store = world.store().await;
    worked_off(&store).await;
    let rows = store.delivery_counts().await.unwrap();
    assert_eq!(rows.iter().map(|c| c.count).sum::<i64>(), 5, "{rows:?}");
    accounts.balance(&store, 5).await;
}
