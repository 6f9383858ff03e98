//! A sink that keeps a copy of every frame, and can spoil one of them on its way out.

use commonware_runtime::{Error, Sink};
use commonware_utils::StableBuf;
use std::sync::{Arc, Mutex};

/// What happens to one of the frames; they are counted from 0, those of the handshake included.
#[derive(Clone, Copy)]
pub enum Spoil {
    Nothing,
    /// The lowest bit of its last byte is turned over.
    Flip(usize),
    /// Its second half is never sent, nor is anything after it.
    Cut(usize),
}

/// The frames so far, as they were sent.
pub type Frames = Arc<Mutex<Vec<Vec<u8>>>>;

pub struct Tap<S> {
    inner: S,
    spoil: Spoil,
    frames: Frames,
}

impl<S> Tap<S> {
    pub fn new(inner: S, spoil: Spoil) -> Self {
        Self {
            inner,
            spoil,
            frames: Frames::default(),
        }
    }

    pub fn frames(&self) -> Frames {
        self.frames.clone()
    }
}

impl<S: Sink> Sink for Tap<S> {
    async fn send(&mut self, frame: impl Into<StableBuf> + Send) -> Result<(), Error> {
        let mut frame: Vec<u8> = frame.into().into();
        let number = self.frames.lock().unwrap().len();
        self.frames.lock().unwrap().push(frame.clone());
        match self.spoil {
            Spoil::Flip(n) if n == number => *frame.last_mut().unwrap() ^= 1,
            Spoil::Cut(n) if n == number => {
                frame.truncate(frame.len() / 2);
                self.inner.send(frame).await?;
                return Err(Error::Closed);
            }
            _ => {}
        }
        self.inner.send(frame).await
    }
}
