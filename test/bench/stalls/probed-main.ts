/**
 * The server with the probe in it. Both are made into one build (servers/build.ts), since the probe wraps
 * methods of the server's own classes. In each thread the probe comes first.
 */
import './probe.ts'
import '../../../src/main.ts'
