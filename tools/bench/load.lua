-- SPDX-License-Identifier: Apache-2.0
-- Sends one request over and over; prints what came of it as one JSON object.
function init(arguments)
    wrk.method = arguments[1]
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"rate": %.1f, "p50_ms": %.2f, "p99_ms": %.2f, "errors": %d}\n',
        summary.requests * 1e6 / summary.duration,
        latency:percentile(50) / 1000,
        latency:percentile(99) / 1000,
        errors.connect + errors.read + errors.write + errors.status
            + errors.timeout))
end
