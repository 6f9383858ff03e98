# A Nix expression: nix-build contrib/kith.nix
{ pkgs ? import <nixpkgs> { } }:

pkgs.stdenv.mkDerivation {
  pname = "kith";
  version = "0.1.0";
  src = pkgs.lib.cleanSource ../.;

  nativeBuildInputs = [ pkgs.pkg-config ];
  buildInputs = [ pkgs.openssl ];
  enableParallelBuilding = true;

  meta = {
    description = "Encrypted pipe and port forwarder between holders of known keys";
    license = pkgs.lib.licenses.isc;
    mainProgram = "kith";
    platforms = pkgs.lib.platforms.unix;
  };
}
