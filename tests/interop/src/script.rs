//! What is said on a channel once it is up: the stream that kith-protocol(7) lays over the crate's
//! messages, or one of the ways to break its rules.

use bytes::Bytes;
use commonware_stream::{Error, Receiver, Sender};
use futures::try_join;

pub const EMPTY: &[u8] = b"";

#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    None,
    DataAfterEnd,
    EarlyReceipt,
    DataAfterReceipt,
    EmptyAfterReceipt,
    CloseBeforeEnd,
    CloseBeforeReceipt,
    Silence,
}

impl Fault {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "data-after-end" => Self::DataAfterEnd,
            "early-receipt" => Self::EarlyReceipt,
            "data-after-receipt" => Self::DataAfterReceipt,
            "empty-after-receipt" => Self::EmptyAfterReceipt,
            "close-before-end" => Self::CloseBeforeEnd,
            "close-before-receipt" => Self::CloseBeforeReceipt,
            "silence" => Self::Silence,
            _ => return None,
        })
    }
}

/// What to send, in messages of these sizes (the list starts again at its end), and how to fail.
pub struct Script {
    pub data: Vec<u8>,
    pub sizes: Vec<usize>,
    pub fault: Fault,
}

/// How the stream broke, in words that start with the crate's name for it.
pub struct Broken(pub String);

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self(format!("{error:?}"))
    }
}

/// Follow the script. `store` is given what the peer sent, before the receipt for it goes out.
pub async fn follow(
    mut tx: impl Sender,
    mut rx: impl Receiver,
    script: &Script,
    store: impl FnOnce(&[u8]),
) -> Result<(), Broken> {
    match script.fault {
        Fault::Silence => return until_closed(rx).await,
        Fault::CloseBeforeEnd => return Ok(send_data(&mut tx, script).await?),
        Fault::DataAfterEnd | Fault::EarlyReceipt => {
            send_data(&mut tx, script).await?;
            tx.send(EMPTY).await?;
            let early = script.fault == Fault::EarlyReceipt;
            tx.send(if early { EMPTY } else { b"more" }).await?;
            return until_closed(rx).await;
        }
        _ => {}
    }

    let ((), received) = try_join!(send_whole(&mut tx, script), receive_to_end(&mut rx))?;
    store(&received);
    if script.fault == Fault::CloseBeforeReceipt {
        return Ok(());
    }
    tx.send(EMPTY).await?;
    match script.fault {
        Fault::DataAfterReceipt => tx.send(b"more").await?,
        Fault::EmptyAfterReceipt => tx.send(EMPTY).await?,
        _ => {}
    }
    let receipt = rx.receive().await?;
    if !receipt.is_empty() {
        return Err(Broken(format!(
            "data where the receipt belongs: {receipt:?}"
        )));
    }
    drop(tx);
    match rx.receive().await {
        Ok(message) => Err(Broken(format!("a message after the receipt: {message:?}"))),
        Err(_) => Ok(()),
    }
}

async fn send_data(tx: &mut impl Sender, script: &Script) -> Result<(), Error> {
    let mut rest = &script.data[..];
    let mut sizes = script.sizes.iter().cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        tx.send(piece).await?;
        rest = after;
    }
    Ok(())
}

async fn send_whole(tx: &mut impl Sender, script: &Script) -> Result<(), Error> {
    send_data(tx, script).await?;
    tx.send(EMPTY).await
}

async fn receive_to_end(rx: &mut impl Receiver) -> Result<Vec<u8>, Error> {
    let mut received = Vec::new();
    loop {
        let message: Bytes = rx.receive().await?;
        if message.is_empty() {
            return Ok(received);
        }
        received.extend_from_slice(&message);
    }
}

/// Read on, so that it is the peer who ends this.
async fn until_closed(mut rx: impl Receiver) -> Result<(), Broken> {
    while rx.receive().await.is_ok() {}
    Ok(())
}
