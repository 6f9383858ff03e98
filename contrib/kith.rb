# A formula for Homebrew: "brew install --HEAD ./contrib/kith.rb", in a clone of the source.
class Kith < Formula
  desc "Encrypted pipe and port forwarder between holders of known keys"
  license "ISC"
  head "file://#{File.expand_path("..", __dir__)}", using: :git

  depends_on "make" => :build
  depends_on "pkgconf" => :build
  depends_on "openssl@3"

  def install
    system "./configure", "--prefix=#{prefix}", "--mandir=#{man}"
    system "gmake"
    system "gmake", "install", "DOCDIR=#{doc}", "UNITDIR="
  end

  test do
    system bin/"kith", "keygen", "-q", "-n", "alice", testpath/"identity"
    assert_match(/ alice$/, shell_output("#{bin}/kith pubkey #{testpath}/identity"))
  end
end
