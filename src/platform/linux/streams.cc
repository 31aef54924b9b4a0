#include "platform/linux/streams.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include "base/assert.h"
#include "platform/linux/addresses.h"

namespace segw::platform::os {
namespace {

using Tcp = asio::ip::tcp;
constexpr size_t kReadSize = 65536;
constexpr auto kHandshakeLimit = std::chrono::seconds(5);
constexpr unsigned kUserTimeoutMs = 5000;  // unacknowledged data: the connection is dead
constexpr int kControlClass = 0xC0;

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

// TLS_AES_256_GCM_SHA384 keeps to one hash, so one kind of PSK session is enough.
constexpr const char* kSuite = "TLS_AES_256_GCM_SHA384";
constexpr std::array<unsigned char, 2> kSuiteId{0x13, 0x02};

SSL_SESSION* session_of(SSL* ssl, const SecretBytes& key) {
  const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, kSuiteId.data());
  SSL_SESSION* session = SSL_SESSION_new();
  if (session == nullptr || cipher == nullptr ||
      SSL_SESSION_set1_master_key(session, key.view().data(), key.size()) != 1 ||
      SSL_SESSION_set_cipher(session, cipher) != 1 ||
      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1) {
    SSL_SESSION_free(session);
    return nullptr;
  }
  return session;
}

class TlsStream : public std::enable_shared_from_this<TlsStream> {
 public:
  enum class Role : uint8_t { Client, Server };
  TlsStream(asio::io_context& io, Role role) : socket_(io), deadline_(io), role_(role) {
    context_.reset(SSL_CTX_new(role == Role::Client ? TLS_client_method() : TLS_server_method()));
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context_.get(), kSuite);
    SSL_CTX_set_num_tickets(context_.get(), 0);
    SSL_CTX_set_options(context_.get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_early_data(context_.get(), 0);
    SSL_CTX_set_psk_use_session_callback(context_.get(), &TlsStream::use_psk);
    SSL_CTX_set_psk_find_session_callback(context_.get(), &TlsStream::find_psk);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_app_data(ssl_.get(), this);
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in_, out_);
    if (role == Role::Client) {
      SSL_set_connect_state(ssl_.get());
    } else {
      SSL_set_accept_state(ssl_.get());
    }
  }

  void set_psk(TlsPsk psk) { psk_ = std::move(psk); }
  void set_find(Streams::FindPsk find) { find_ = std::move(find); }
  void set_handler(StreamHandler* handler) { handler_ = handler; }
  [[nodiscard]] Tcp::socket& socket() { return socket_; }
  [[nodiscard]] size_t unsent() const {
    return pending_.size() + writing_.size() + before_open_.size();
  }

  void connect(const IpAddress& local, const Endpoint& remote) {
    remote_ = remote;
    std::error_code error;
    const Tcp::endpoint to(to_asio(remote.address), remote.port);
    socket_.open(to.protocol(), error);
    if (!error) socket_.bind(Tcp::endpoint(to_asio(local), 0), error);
    if (error) {
      // The outcome always comes by the handler, after this call.
      asio::post(socket_.get_executor(),
                 [self = shared_from_this(), why = error.message()] { self->fail(why); });
      return;
    }
    arm_deadline();
    socket_.async_connect(to, [self = shared_from_this()](const std::error_code& failed) {
      if (failed) return self->fail(failed.message());
      self->begin();
    });
  }

  void begin() {
    std::error_code ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    const int fd = socket_.native_handle();
    ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof(kUserTimeoutMs));
    ::setsockopt(fd, IPPROTO_IP, IP_TOS, &kControlClass, sizeof(kControlClass));
    if (role_ == Role::Server) arm_deadline();
    step();
    read();
  }

  void send(Bytes bytes) {
    if (dead_) return;
    if (!open_) {
      append(before_open_, bytes);
      return;
    }
    if (SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) {
      return fail("TLS write failed");
    }
    std::ranges::fill(bytes, uint8_t{0});
    flush();
  }

  // The owner is gone: no callback any more.
  void detach() {
    handler_ = nullptr;
    shut();
  }
  void note_remote(const Endpoint& remote) { remote_ = remote; }
  [[nodiscard]] Endpoint remote() const { return remote_; }
  [[nodiscard]] std::string psk_identity() const { return open_ ? psk_.identity : ""; }

 private:
  static TlsStream& of(SSL* ssl) { return *static_cast<TlsStream*>(SSL_get_app_data(ssl)); }

  static int use_psk(SSL* ssl, const EVP_MD* /*digest*/, const unsigned char** id, size_t* size,
                     SSL_SESSION** session) {
    const TlsStream& self = of(ssl);
    *session = session_of(ssl, self.psk_.key);
    if (*session == nullptr) return 0;
    *id = reinterpret_cast<const unsigned char*>(self.psk_.identity.data());
    *size = self.psk_.identity.size();
    return 1;
  }

  static int find_psk(SSL* ssl, const unsigned char* id, size_t size, SSL_SESSION** session) {
    TlsStream& self = of(ssl);
    *session = nullptr;
    if (!self.find_) return 1;
    const auto psk = self.find_(std::string_view(reinterpret_cast<const char*>(id), size));
    if (!psk) return 1;
    *session = session_of(ssl, psk->key);
    self.psk_.identity = psk->identity;
    return 1;
  }

  void arm_deadline() {
    deadline_.expires_after(kHandshakeLimit);
    deadline_.async_wait([self = shared_from_this()](const std::error_code& error) {
      if (!error && !self->open_) self->fail("handshake timed out");
    });
  }

  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const std::error_code& error, size_t size) {
                              if (self->dead_) return;
                              if (error) return self->fail(error.message());
                              BIO_write(self->in_, self->buffer_.data(), static_cast<int>(size));
                              self->step();
                              if (!self->dead_) self->read();
                            });
  }

  void step() {
    if (!open_) {
      ERR_clear_error();  // what others left behind would be read as ours (SSL_get_error(3))
      const int result = SSL_do_handshake(ssl_.get());
      flush();
      if (result != 1) return check(result, "the peer has another key");
      // A server that found no PSK would need a certificate; there is none, so this cannot be
      // clear.
      if (SSL_session_reused(ssl_.get()) != 1) return fail("the peer proved no key");
      open_ = true;
      deadline_.cancel();
      if (handler_ != nullptr) handler_->on_open();
      if (dead_) return;
      if (!before_open_.empty()) send(std::exchange(before_open_, {}));
    }
    std::array<uint8_t, 16384> plain{};
    while (!dead_) {
      ERR_clear_error();
      const int size = SSL_read(ssl_.get(), plain.data(), static_cast<int>(plain.size()));
      if (size <= 0) return check(size, "TLS read failed");
      if (handler_ != nullptr) handler_->on_bytes(ByteView(plain).first(static_cast<size_t>(size)));
      OPENSSL_cleanse(plain.data(), static_cast<size_t>(size));
    }
  }

  void check(int result, const std::string& why) {
    const int error = SSL_get_error(ssl_.get(), result);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    flush();
    fail(error == SSL_ERROR_ZERO_RETURN ? "closed by the peer" : why);
  }

  void flush() {
    std::array<uint8_t, 16384> sealed{};
    int size = 0;
    while ((size = BIO_read(out_, sealed.data(), static_cast<int>(sealed.size()))) > 0) {
      append(pending_, ByteView(sealed).first(static_cast<size_t>(size)));
    }
    write();
  }

  void write() {
    if (!writing_.empty() || pending_.empty() || dead_) return;
    writing_.swap(pending_);
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this()](const std::error_code& error, size_t) {
                        self->writing_.clear();
                        if (error) return self->fail(error.message());
                        self->write();
                      });
  }

  void fail(const std::string& why) {
    if (dead_) return;
    StreamHandler* handler = std::exchange(handler_, nullptr);
    shut();
    if (handler != nullptr) handler->on_closed(why);
  }

  void shut() {
    dead_ = true;
    deadline_.cancel();
    std::error_code ignored;
    socket_.close(ignored);
  }

  Tcp::socket socket_;
  asio::steady_timer deadline_;
  Role role_;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  BIO* in_ = nullptr;  // owned by ssl_
  BIO* out_ = nullptr;
  TlsPsk psk_;
  Streams::FindPsk find_;
  StreamHandler* handler_ = nullptr;
  Endpoint remote_;
  bool open_ = false;
  bool dead_ = false;
  Bytes before_open_;
  Bytes pending_;
  Bytes writing_;
  std::array<uint8_t, kReadSize> buffer_{};
};

class StreamHandle final : public Stream {
 public:
  explicit StreamHandle(std::shared_ptr<TlsStream> stream) : stream_(std::move(stream)) {}
  ~StreamHandle() override { stream_->detach(); }
  void send(Bytes bytes) override { stream_->send(std::move(bytes)); }
  [[nodiscard]] size_t unsent() const override { return stream_->unsent(); }
  [[nodiscard]] Endpoint remote() const override { return stream_->remote(); }
  [[nodiscard]] std::string psk_identity() const override { return stream_->psk_identity(); }

 private:
  std::shared_ptr<TlsStream> stream_;
};

class TlsListener final : public Listener {
 public:
  TlsListener(asio::io_context& io, Streams::FindPsk psk, Streams::Accept accept)
      : io_(io), acceptor_(io), psk_(std::move(psk)), accept_(std::move(accept)) {}
  ~TlsListener() override { *alive_ = false; }

  std::error_code open(const Endpoint& local) {
    std::error_code error;
    const Tcp::endpoint endpoint(to_asio(local.address), local.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(8, error);
    if (!error) wait();
    return error;
  }

 private:
  void wait() {
    auto stream = std::make_shared<TlsStream>(io_, TlsStream::Role::Server);
    acceptor_.async_accept(stream->socket(),
                           [this, alive = alive_, stream](const std::error_code& error) {
                             if (!*alive) return;
                             if (!error) take(stream);
                             if (*alive && error != asio::error::operation_aborted) wait();
                           });
  }

  void take(const std::shared_ptr<TlsStream>& stream) {
    stream->set_find(psk_);
    std::error_code error;
    const auto peer = stream->socket().remote_endpoint(error);
    if (error) return;
    auto handle = std::make_unique<StreamHandle>(stream);
    stream->note_remote({.address = from_asio(peer.address()), .port = peer.port()});
    StreamHandler* handler = accept_(std::move(handle));
    if (handler == nullptr) return;
    stream->set_handler(handler);
    stream->begin();
  }

  asio::io_context& io_;
  Tcp::acceptor acceptor_;
  Streams::FindPsk psk_;
  Streams::Accept accept_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

Result<std::unique_ptr<Listener>> TlsStreams::listen(const Endpoint& local, FindPsk psk,
                                                     Accept accept) {
  auto listener = std::make_unique<TlsListener>(loop_.io(), std::move(psk), std::move(accept));
  if (const auto error = listener->open(local)) {
    return failure(fmt::format("TCP {}: {}", local.text(), error.message()));
  }
  return listener;
}

std::unique_ptr<Stream> TlsStreams::connect(const IpAddress& local, const Endpoint& remote,
                                            TlsPsk psk, StreamHandler& handler) {
  auto stream = std::make_shared<TlsStream>(loop_.io(), TlsStream::Role::Client);
  stream->set_psk(std::move(psk));
  stream->set_handler(&handler);
  auto handle = std::make_unique<StreamHandle>(stream);
  stream->connect(local, remote);
  return handle;
}

}  // namespace segw::platform::os
