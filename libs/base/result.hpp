// The result type of every data path: a value or an error, never an exception.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace subcults {

// Expected failures are values. Exceptions remain for start-up and for states that cannot occur.
template <class T, class E = boost::system::error_code>
using Result = boost::system::result<T, E>;

}  // namespace subcults
