//! Handshakes of the crate with itself, written down: everything that went in, and every frame
//! that came out. Deterministic, so that a second run prints the same.

use crate::{
    context::Context,
    private_key,
    tap::{Frames, Spoil, Tap},
};
use bytes::Bytes;
use commonware_codec::{varint::UInt, ReadExt};
use commonware_cryptography::{ed25519::PrivateKey, Signer};
use commonware_runtime::{deterministic, mocks, Runner};
use commonware_stream::{
    public_key::{Config, Connection, IncomingConnection},
    Receiver, Sender,
};
use commonware_utils::hex;
use futures::try_join;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::{json, Value};
use std::time::Duration;

/// Of each handshake: the length of its namespace, both clocks, the sizes of the messages each way.
type Case = (usize, i128, i128, &'static [usize], &'static [usize]);
const CASES: &[Case] = &[
    (0, 0, 0, &[0, 1, 2], &[1, 0, 0]),
    (1, 126, 128, &[15, 16, 17, 0, 0], &[17, 16, 15, 0, 0]),
    (
        4,
        1_700_000_000_000,
        1_700_000_004_000,
        &[63, 64, 65],
        &[64, 63, 65],
    ),
    (
        33,
        1_757_500_000_000,
        1_757_499_995_000,
        &[255, 256, 257],
        &[0, 1024],
    ),
    (
        127,
        (1 << 35) - 20,
        1 << 35,
        &[1, 1, 1, 1, 1, 1, 1],
        &[2000],
    ),
    (128, (1 << 56) - 1, 1 << 56, &[511, 0], &[512, 513]),
    (300, 1 << 63, 1 << 63, &[], &[3]),
    (1024, (1 << 64) - 1, (1 << 64) - 1, &[31, 32, 33], &[]),
];

pub fn record() -> Value {
    let vectors: Vec<Value> = (0u64..)
        .zip(CASES)
        .map(|(i, case)| handshake(i, case))
        .collect();
    json!({
        "source": "recorded from the Rust crate commonware-stream 0.0.62 by tests/interop, \
                   `interop record`",
        "encoding": "all byte strings are lower-case hex",
        "vectors": vectors,
    })
}

/// One side: its identity, its randomness and the ephemeral secret that comes out of it first.
struct Side {
    seed: [u8; 32],
    crypto: PrivateKey,
    secret: [u8; 32],
    context: Context<deterministic::Context, ChaCha20Rng>,
}

impl Side {
    fn new(rng: &mut ChaCha20Rng, inner: deterministic::Context, clock_ms: i128) -> Self {
        let seed = rng.gen();
        let own_rng = ChaCha20Rng::from_seed(rng.gen());
        let mut secret = [0; 32];
        own_rng.clone().fill_bytes(&mut secret);
        Self {
            seed,
            crypto: private_key(seed),
            secret,
            context: Context::new(inner, clock_ms, own_rng),
        }
    }

    fn config(&self, namespace: &[u8]) -> Config<PrivateKey> {
        Config {
            crypto: self.crypto.clone(),
            namespace: namespace.to_vec(),
            max_message_size: 4096,
            synchrony_bound: Duration::from_secs(5),
            max_handshake_age: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
        }
    }

    /// What was put in, and the timestamp as it stands in the hello that came out.
    fn describe(&self, hello: &[u8]) -> Value {
        let timestamp: u64 = UInt::read(&mut &hello[64..]).unwrap().into();
        json!({
            "seed": hex(&self.seed),
            "public": hex(&self.crypto.public_key()),
            "ephemeral_secret": hex(&self.secret),
            "ephemeral_public": hex(&hello[32..64]),
            "timestamp_ms": timestamp,
        })
    }
}

fn handshake(number: u64, case: &Case) -> Value {
    let &(namespace_len, dialer_ms, listener_ms, sizes_d2l, sizes_l2d) = case;
    let mut rng = ChaCha20Rng::seed_from_u64(number);
    let mut namespace = vec![0; namespace_len];
    rng.fill_bytes(&mut namespace);

    deterministic::Runner::seeded(number).start(|context| async move {
        let dialer = Side::new(&mut rng, context.clone(), dialer_ms);
        let listener = Side::new(&mut rng, context, listener_ms);
        let (to_listener, from_dialer) = mocks::Channel::init();
        let (to_dialer, from_listener) = mocks::Channel::init();
        let to_listener = Tap::new(to_listener, Spoil::Nothing);
        let to_dialer = Tap::new(to_dialer, Spoil::Nothing);
        let (frames_d2l, frames_l2d) = (to_listener.frames(), to_dialer.frames());

        let dial = Connection::upgrade_dialer(
            dialer.context.clone(),
            dialer.config(&namespace),
            to_listener,
            from_listener,
            listener.crypto.public_key(),
        );
        let listen = async {
            let config = listener.config(&namespace);
            let incoming =
                IncomingConnection::verify(&listener.context, config, to_dialer, from_dialer);
            Connection::upgrade_listener(listener.context.clone(), incoming.await?).await
        };
        let (dialed, accepted) = try_join!(dial, listen).unwrap();
        let (dialer_tx, dialer_rx) = dialed.split();
        let (listener_tx, listener_rx) = accepted.split();
        let plain_d2l = carry(&mut rng, sizes_d2l, dialer_tx, listener_rx).await;
        let plain_l2d = carry(&mut rng, sizes_l2d, listener_tx, dialer_rx).await;

        let (d2l, l2d) = (taken(&frames_d2l), taken(&frames_l2d));
        let (message1, message2, message3) = (&d2l[0][4..], &l2d[0][4..], &d2l[1][4..]);
        json!({
            "name": format!("r{number:02}"),
            "namespace": hex(&namespace),
            "dialer": dialer.describe(message1),
            "listener": listener.describe(message2),
            "message1": hex(message1),
            "message2": hex(message2),
            "message3": hex(message3),
            "frames_handshake": [hex(&d2l[0]), hex(&l2d[0]), hex(&d2l[1])],
            "plaintext_d2l": plain_d2l,
            "sealed_d2l": d2l[2..].iter().map(|frame| hex(&frame[4..])).collect::<Vec<_>>(),
            "plaintext_l2d": plain_l2d,
            "sealed_l2d": l2d[1..].iter().map(|frame| hex(&frame[4..])).collect::<Vec<_>>(),
        })
    })
}

/// Send random messages of these sizes, see them arrive, and return them.
async fn carry(
    rng: &mut ChaCha20Rng,
    sizes: &[usize],
    mut tx: impl Sender,
    mut rx: impl Receiver,
) -> Vec<String> {
    let mut sent = Vec::new();
    for &size in sizes {
        let mut message = vec![0; size];
        rng.fill_bytes(&mut message);
        tx.send(&message).await.unwrap();
        let received: Bytes = rx.receive().await.unwrap();
        assert_eq!(received, message);
        sent.push(hex(&message));
    }
    sent
}

fn taken(frames: &Frames) -> Vec<Vec<u8>> {
    std::mem::take(&mut *frames.lock().unwrap())
}
