//! A peer for kith built on the crate whose protocol kith speaks.
//!
//!     interop public --seed HEX                    print the public key of a seed
//!     interop record                               print recorded handshakes as JSON
//!     interop dial   --seed HEX --peer HEX --addr HOST:PORT [OPTIONS]
//!     interop listen --seed HEX [--allow HEX]... [--port N] [OPTIONS]
//!                                                  print the address, then take one call
//!
//! Options, each with a value: --namespace TEXT, --max-message-size N, --synchrony-bound-ms N,
//! --max-handshake-age-ms N, --handshake-timeout-ms N, --clock-offset-ms N (how far our clock is
//! ahead), --send FILE, --sizes N,N,... (of the messages it is cut into), --receive FILE,
//! --fault NAME (script.rs), --flip-frame N, --cut-frame N (tap.rs).
//!
//! Exit status: 0 done as told; 2 usage; 5 no handshake; 8 the stream broke. One line on stderr
//! then names the crate's error.

mod context;
mod record;
mod script;
mod tap;

use commonware_codec::DecodeExt;
use commonware_cryptography::{
    ed25519::{PrivateKey, PublicKey},
    Signer,
};
use commonware_runtime::{tokio, Listener as _, Network as _, Runner, Sink, Stream};
use commonware_stream::public_key::{Config, Connection, IncomingConnection};
use commonware_utils::{from_hex, hex};
use context::Context;
use rand::rngs::OsRng;
use script::{Fault, Script};
use std::{fmt::Debug, process::ExitCode, str::FromStr, time::Duration};
use tap::{Spoil, Tap};

const USAGE: u8 = 2;
const NO_HANDSHAKE: u8 = 5;
const STREAM_BROKEN: u8 = 8;

struct Failure {
    status: u8,
    text: String,
}

fn usage(text: impl Into<String>) -> Failure {
    let text = text.into();
    Failure {
        status: USAGE,
        text,
    }
}

fn refused(error: impl Debug) -> Failure {
    Failure {
        status: NO_HANDSHAKE,
        text: format!("{error:?}"),
    }
}

/// The command line behind the command: names and values in turn.
struct Options(Vec<(String, String)>);

impl Options {
    fn parse(words: &[String]) -> Result<Self, Failure> {
        let pair = |pair: &[String]| match pair {
            [name, value] if name.starts_with("--") => Ok((name.clone(), value.clone())),
            _ => Err(usage(format!("what is {pair:?}"))),
        };
        Ok(Self(words.chunks(2).map(pair).collect::<Result<_, _>>()?))
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let matching =
            move |(key, value): &'a (String, String)| (key == name).then_some(&value[..]);
        self.0.iter().filter_map(matching)
    }

    fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let parse = |text: &str| text.parse().map_err(|_| usage(format!("{name} {text}")));
        self.all(name).last().map(parse).transpose()
    }

    fn need<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.get(name)?
            .ok_or_else(|| usage(format!("{name} is missing")))
    }

    fn millis(&self, name: &str, default: u64) -> Result<Duration, Failure> {
        Ok(Duration::from_millis(self.get(name)?.unwrap_or(default)))
    }

    fn seed(&self) -> Result<PrivateKey, Failure> {
        let bytes = from_hex(&self.need::<String>("--seed")?).unwrap_or_default();
        Ok(private_key(bytes.try_into().map_err(|_| usage("--seed"))?))
    }
}

fn private_key(seed: [u8; 32]) -> PrivateKey {
    PrivateKey::decode(&seed[..]).expect("any 32 bytes are a seed")
}

fn public_key(text: &str) -> Result<PublicKey, Failure> {
    let bytes = from_hex(text).unwrap_or_default();
    PublicKey::decode(&bytes[..]).map_err(|_| usage(format!("not a public key: {text}")))
}

/// Everything about a call that does not depend on who calls.
struct Call {
    config: Config<PrivateKey>,
    clock_offset_ms: i128,
    spoil: Spoil,
    script: Script,
    receive: Option<String>,
}

impl Call {
    fn new(options: &Options) -> Result<Self, Failure> {
        let max_message_size = options.get("--max-message-size")?.unwrap_or(64 * 1024);
        let data = match options.get::<String>("--send")? {
            Some(path) => std::fs::read(&path).map_err(|e| usage(format!("{path}: {e}")))?,
            None => Vec::new(),
        };
        let sizes = match options.get::<String>("--sizes")? {
            Some(list) => list.split(',').map(str::parse).collect::<Result<_, _>>(),
            None => Ok(vec![max_message_size]),
        };
        let fault: String = options.get("--fault")?.unwrap_or("none".into());
        let spoil = match (options.get("--flip-frame")?, options.get("--cut-frame")?) {
            (Some(n), _) => Spoil::Flip(n),
            (_, Some(n)) => Spoil::Cut(n),
            _ => Spoil::Nothing,
        };
        Ok(Self {
            config: Config {
                crypto: options.seed()?,
                namespace: options
                    .get("--namespace")?
                    .unwrap_or("kith".to_string())
                    .into_bytes(),
                max_message_size,
                synchrony_bound: options.millis("--synchrony-bound-ms", 5_000)?,
                max_handshake_age: options.millis("--max-handshake-age-ms", 10_000)?,
                handshake_timeout: options.millis("--handshake-timeout-ms", 10_000)?,
            },
            clock_offset_ms: options.get("--clock-offset-ms")?.unwrap_or(0),
            spoil,
            script: Script {
                data,
                sizes: sizes.map_err(|_| usage("--sizes"))?,
                fault: Fault::from_name(&fault).ok_or_else(|| usage("--fault"))?,
            },
            receive: options.get("--receive")?,
        })
    }

    fn context(&self, inner: tokio::Context) -> Context<tokio::Context, OsRng> {
        Context::new(inner, self.clock_offset_ms, OsRng)
    }

    async fn follow_script(
        self,
        connection: Connection<impl Sink, impl Stream>,
    ) -> Result<(), Failure> {
        let (tx, rx) = connection.split();
        let store = |received: &[u8]| {
            if let Some(path) = &self.receive {
                std::fs::write(path, received).expect("cannot write what was received");
            }
        };
        script::follow(tx, rx, &self.script, store)
            .await
            .map_err(|broken| Failure {
                status: STREAM_BROKEN,
                text: broken.0,
            })
    }
}

async fn dial(options: &Options, context: tokio::Context) -> Result<(), Failure> {
    let call = Call::new(options)?;
    let peer = public_key(&options.need::<String>("--peer")?)?;
    let (sink, stream) = context
        .dial(options.need("--addr")?)
        .await
        .map_err(refused)?;
    let connection = Connection::upgrade_dialer(
        call.context(context),
        call.config.clone(),
        Tap::new(sink, call.spoil),
        stream,
        peer,
    );
    call.follow_script(connection.await.map_err(refused)?).await
}

async fn listen(options: &Options, context: tokio::Context) -> Result<(), Failure> {
    let call = Call::new(options)?;
    let allowed = options
        .all("--allow")
        .map(public_key)
        .collect::<Result<Vec<_>, _>>()?;
    let port = options.get("--port")?.unwrap_or(0);
    let mut listener = context
        .bind(([127, 0, 0, 1], port).into())
        .await
        .map_err(refused)?;
    println!("{}", listener.local_addr().map_err(refused)?);

    let (_, sink, stream) = listener.accept().await.map_err(refused)?;
    let sink = Tap::new(sink, call.spoil);
    let context = call.context(context);
    let incoming = IncomingConnection::verify(&context, call.config.clone(), sink, stream)
        .await
        .map_err(refused)?;
    if !allowed.is_empty() && !allowed.contains(&incoming.peer()) {
        return Err(refused("UnknownPeer"));
    }
    let connection = Connection::upgrade_listener(context, incoming);
    call.follow_script(connection.await.map_err(refused)?).await
}

fn run(words: &[String]) -> Result<(), Failure> {
    let command = words.first().map(String::as_str).unwrap_or_default();
    let options = Options::parse(words.get(1..).unwrap_or_default())?;
    let patience = Duration::from_secs(600);
    let config = tokio::Config::default()
        .with_read_write_timeout(patience)
        .with_tcp_nodelay(Some(true));
    let runner = tokio::Runner::new(config);
    match command {
        "public" => println!("{}", hex(&options.seed()?.public_key())),
        "record" => println!("{:#}", record::record()),
        "dial" => runner.start(|context| async move { dial(&options, context).await })?,
        "listen" => runner.start(|context| async move { listen(&options, context).await })?,
        _ => {
            return Err(usage(
                "a command is missing: public, record, dial or listen",
            ))
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("interop: {}", failure.text);
            ExitCode::from(failure.status)
        }
    }
}
