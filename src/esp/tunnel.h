#pragma once

// ESP tunnel mode over one CHILD SA (RFC 4303), either end: the gateway's ISA and the simulation's
// client. Sans I/O; sequence numbers and IVs are given.

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "esp/child_sa.h"
#include "esp/cipher.h"
#include "esp/ip_packet.h"
#include "esp/replay_window.h"
#include "esp/traffic_class.h"
#include "platform/platform.h"

namespace segw::esp {

struct Numbers {  // of one outbound packet
  uint64_t sequence = 0;
  uint64_t iv = 0;  // of a cipher that counts; CBC draws its IV from the generator
};

// Of the outer header, where it is not the inner's or the SA's.
struct OuterFields {
  uint16_t identification = 0;
  bool dont_fragment = false;  // IPv4 only
};

class Sealer {
 public:
  // Null if the key does not fit the suite.
  static std::unique_ptr<Sealer> make(const ChildSa& sa, Backend& backend);
  // The outer packet. `inner` is a whole IP packet of at most inner_size_max(sa, kIpSizeMax) bytes
  // that the selectors fit. The client's and our outer addresses are those of `sa`, which must be
  // the SA that the sealer was made of.
  [[nodiscard]] Bytes seal(const ChildSa& sa, ByteView inner, const Numbers& numbers,
                           platform::Rng& rng, const OuterFields& outer);

 private:
  explicit Sealer(std::unique_ptr<Cipher> cipher) : cipher_(std::move(cipher)) {}
  std::unique_ptr<Cipher> cipher_;
};

// Bytes that ESP and the outer headers add to an inner packet, at most.
[[nodiscard]] size_t overhead(const ChildSa& sa);
// The largest inner packet whose outer packet has at most `mtu` bytes; 0: none.
[[nodiscard]] size_t inner_size_max(const ChildSa& sa, size_t mtu);

enum class Opening : uint8_t {
  Ok,
  Malformed,
  Replayed,
  NotAuthentic,
  Dummy,
  BadInner,
  WrongSelectors,
  Congestion
};
[[nodiscard]] std::string_view text(Opening opening);  // the name of its drop counter

struct Opened {
  Opening outcome = Opening::Malformed;
  uint64_t sequence = 0;  // if it got as far as a number
  Bytes inner;            // Ok: the inner packet, padding off
};

class Opener {
 public:
  static std::unique_ptr<Opener> make(const ChildSa& sa, Backend& backend);
  // `packet` starts with the SPI. `outer_class`: the traffic class that it came with.
  [[nodiscard]] Opened open(const ChildSa& sa, ByteView packet, uint8_t outer_class,
                            Dscp dscp = Dscp::KeepInner);
  [[nodiscard]] ReplayWindow& window() { return window_; }
  [[nodiscard]] const ReplayWindow& window() const { return window_; }

 private:
  Opener(std::unique_ptr<Cipher> cipher, uint16_t window)
      : cipher_(std::move(cipher)), window_(window) {}
  std::unique_ptr<Cipher> cipher_;
  ReplayWindow window_;
};

}  // namespace segw::esp
