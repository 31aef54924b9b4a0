#pragma once

#include "ike/engine_impl.h"

namespace segw::ike {

// What a request says of a CHILD SA to be made.
struct EngineImpl::ChildOffer {
  const payload::Sa* sa = nullptr;
  const payload::Ke* ke = nullptr;
  const payload::Selectors* of_initiator = nullptr;
  const payload::Selectors* of_responder = nullptr;
  ChildExchange exchange = ChildExchange::Alone;
  Nonces nonces;
  Spi replaces;  // a rekey: our SPI of the old one
};

}  // namespace segw::ike
