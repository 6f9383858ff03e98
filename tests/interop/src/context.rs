//! A runtime's context with a clock that is off by a given time, and with a given source of
//! randomness: what the crate asks of a context, passed on to the one inside.

use commonware_runtime::{signal::Signal, Clock, Error, Handle, Spawner};
use rand::{CryptoRng, RngCore};
use std::{
    future::Future,
    time::{Duration, SystemTime},
};

#[derive(Clone)]
pub struct Context<E, R> {
    inner: E,
    offset_ms: i128,
    rng: R,
}

impl<E, R> Context<E, R> {
    pub fn new(inner: E, offset_ms: i128, rng: R) -> Self {
        Self {
            inner,
            offset_ms,
            rng,
        }
    }
}

fn shift(time: SystemTime, ms: i128) -> SystemTime {
    let distance = Duration::from_millis(ms.unsigned_abs() as u64);
    if ms < 0 {
        time - distance
    } else {
        time + distance
    }
}

impl<E, R> Clock for Context<E, R>
where
    E: Clock,
    R: Clone + Send + Sync + 'static,
{
    fn current(&self) -> SystemTime {
        shift(self.inner.current(), self.offset_ms)
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        self.inner.sleep(duration)
    }

    fn sleep_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send + 'static {
        self.inner.sleep_until(shift(deadline, -self.offset_ms))
    }
}

impl<E, R: RngCore> RngCore for Context<E, R> {
    fn next_u32(&mut self) -> u32 {
        self.rng.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.rng.fill_bytes(out)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand::Error> {
        self.rng.try_fill_bytes(out)
    }
}

impl<E, R: CryptoRng> CryptoRng for Context<E, R> {}

impl<E, R> Spawner for Context<E, R>
where
    E: Spawner,
    R: Clone + Send + Sync + 'static,
{
    fn spawn<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (offset_ms, rng) = (self.offset_ms, self.rng);
        self.inner
            .spawn(move |inner| f(Self::new(inner, offset_ms, rng)))
    }

    fn spawn_ref<F, T>(&mut self) -> impl FnOnce(F) -> Handle<T> + 'static
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.inner.spawn_ref()
    }

    fn spawn_child<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (offset_ms, rng) = (self.offset_ms, self.rng);
        self.inner
            .spawn_child(move |inner| f(Self::new(inner, offset_ms, rng)))
    }

    fn spawn_blocking<F, T>(self, dedicated: bool, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (offset_ms, rng) = (self.offset_ms, self.rng);
        self.inner
            .spawn_blocking(dedicated, move |inner| f(Self::new(inner, offset_ms, rng)))
    }

    fn spawn_blocking_ref<F, T>(&mut self, dedicated: bool) -> impl FnOnce(F) -> Handle<T> + 'static
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.inner.spawn_blocking_ref(dedicated)
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        self.inner.stop(value, timeout).await
    }

    fn stopped(&self) -> Signal {
        self.inner.stopped()
    }
}
