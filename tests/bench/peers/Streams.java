import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The strategy momentum (plugins/momentum) as an application of Kafka Streams: the three topics
 * decoded, an average for each symbol in a state store with its changelog, signals into a topic.
 *
 * <pre>
 * java Streams -b BROKERS -g APPLICATION -t BARS,STATS,TRENDS -n COUNT -o REPORT -s SIGNALS
 *              -d STATE_DIRECTORY -m memory|rocksdb -e at_least_once|exactly_once_v2 -w WARM
 * </pre>
 *
 * Measures as meter.h does and writes its report, from message number WARM, by when what is
 * compiled at run time has been, to message number COUNT. Then it ends.
 */
public final class Streams {
    private static final double WINDOW_MS = 300_000;
    private static final double THRESHOLD = 0.25;
    private static final long QUIET_MS = 600_000;
    private static final String STORE = "symbols";

    // ---- messages ----

    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
    static final class Time {
        @JsonProperty("take5Time")
        long ms;
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
    static final class Bar {
        double close = Double.NaN;
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
    static final class Tick {
        String symbol;
        Time publishTime;

        @JsonProperty("PublishTime")
        Time otherTime;

        Bar barData;

        long timeMs(long kafkaMs) {
            final Time time = publishTime != null ? publishTime : otherTime;
            return time != null ? time.ms : kafkaMs;
        }

        double price() {
            return barData != null ? barData.close : Double.NaN;
        }
    }

    static final class TickDeserializer implements Deserializer<Tick> {
        private final ObjectReader reader = new ObjectMapper().readerFor(Tick.class);

        @Override
        public Tick deserialize(String topic, byte[] data) {
            try {
                return reader.readValue(data);
            } catch (IOException e) {
                throw new SerializationException(e);
            }
        }
    }

    static final class EventTime implements TimestampExtractor {
        @Override
        public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
            return ((Tick) record.value()).timeMs(record.timestamp());
        }
    }

    // ---- state ----

    static final class Symbol {
        static final int SIZE = 45;
        double average;
        double price;
        long firstMs;
        long lastMs;
        long messages;
        int direction;
        boolean isQuiet;
    }

    static Serde<Symbol> symbolSerde() {
        return Serdes.serdeFrom(
                (topic, s) -> s == null ? null : ByteBuffer.allocate(Symbol.SIZE)
                        .putDouble(s.average).putDouble(s.price).putLong(s.firstMs)
                        .putLong(s.lastMs).putLong(s.messages).putInt(s.direction)
                        .put((byte) (s.isQuiet ? 1 : 0)).array(),
                (topic, bytes) -> {
                    if (bytes == null) {
                        return null;
                    }
                    final ByteBuffer buffer = ByteBuffer.wrap(bytes);
                    final Symbol s = new Symbol();
                    s.average = buffer.getDouble();
                    s.price = buffer.getDouble();
                    s.firstMs = buffer.getLong();
                    s.lastMs = buffer.getLong();
                    s.messages = buffer.getLong();
                    s.direction = buffer.getInt();
                    s.isQuiet = buffer.get() != 0;
                    return s;
                });
    }

    // ---- the strategy ----

    static final class Momentum implements Processor<String, Tick, String, String> {
        private ProcessorContext<String, String> context;
        private KeyValueStore<String, Symbol> symbols;

        @Override
        public void init(ProcessorContext<String, String> given) {
            context = given;
            symbols = given.getStateStore(STORE);
            given.schedule(Duration.ofMillis(QUIET_MS / 2), PunctuationType.STREAM_TIME,
                    this::findQuiet);
        }

        @Override
        public void process(Record<String, Tick> record) {
            METER.begin();
            final double price = record.value().price();
            if (Double.isFinite(price)) {
                add(record.value().symbol, price, record.timestamp());
            }
            METER.end();
        }

        private void add(String name, double price, long timeMs) {
            Symbol s = symbols.get(name);
            if (s == null) {
                s = new Symbol();
                s.average = price;
                s.firstMs = timeMs;
            } else if (timeMs < s.lastMs) {
                return;
            } else {
                final double dt = timeMs - s.lastMs;
                s.average += (price - s.average) * (dt / (WINDOW_MS + dt));
            }
            s.price = price;
            s.lastMs = timeMs;
            s.messages++;
            s.isQuiet = false;
            judge(name, s);
            symbols.put(name, s);
        }

        private void judge(String name, Symbol s) {
            if (s.lastMs - s.firstMs < WINDOW_MS || s.average == 0) {
                return;
            }
            final double percent = (s.price / s.average - 1) * 100;
            final double size = Math.abs(percent);
            final int direction = percent > 0 ? 1 : -1;
            if (size >= THRESHOLD && s.direction != direction) {
                s.direction = direction;
                say(direction > 0 ? "momentum_up" : "momentum_down", name, s.lastMs, percent,
                        Math.min(size / (2 * THRESHOLD), 1),
                        "{\"price\":" + s.price + ",\"average\":" + s.average + "}");
            } else if (size < THRESHOLD / 2) {
                s.direction = 0;
            }
        }

        private void findQuiet(long nowMs) {
            try (KeyValueIterator<String, Symbol> all = symbols.all()) {
                while (all.hasNext()) {
                    final KeyValue<String, Symbol> entry = all.next();
                    final Symbol s = entry.value;
                    if (s.isQuiet || nowMs - s.lastMs < QUIET_MS) {
                        continue;
                    }
                    s.isQuiet = true;
                    s.direction = 0;
                    symbols.put(entry.key, s);
                    say("momentum_quiet", entry.key, s.lastMs + QUIET_MS, QUIET_MS / 1e3, 1,
                            "{\"price\":" + s.price + ",\"messages\":" + s.messages + "}");
                }
            }
        }

        private void say(String name, String symbol, long timeMs, double value, double confidence,
                String data) {
            context.forward(new Record<>(symbol, "{\"deployment\":\"momentum\",\"name\":\"" + name
                    + "\",\"symbol\":\"" + symbol + "\",\"event_time\":\""
                    + Instant.ofEpochMilli(timeMs) + "\",\"event_time_ns\":" + timeMs + "000000"
                    + ",\"value\":" + value + ",\"confidence\":" + confidence + ",\"data\":" + data
                    + "}", timeMs));
        }
    }

    /** What the host does for topics that a strategy does not want: they are decoded. */
    static final class Other implements Processor<String, Tick, String, String> {
        @Override
        public void process(Record<String, Tick> record) {
            METER.begin();
            METER.end();
        }
    }

    // ---- measuring ----

    /** Of the one stream thread. */
    static final class Meter {
        final CountDownLatch isDone = new CountDownLatch(1);
        private final OperatingSystemMXBean system =
                (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        private long warm;
        private long count;
        private long seen;
        private long firstNs;
        private long lastNs;
        private long firstCpuNs;
        private long lastCpuNs;

        void begin() {
            if (seen == warm) {
                firstNs = System.nanoTime();
                firstCpuNs = system.getProcessCpuTime();
            }
        }

        void end() {
            if (++seen == count) {
                lastNs = System.nanoTime();
                lastCpuNs = system.getProcessCpuTime();
                isDone.countDown();
            }
        }

        void report(String path) throws IOException {
            final String peak = Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith("VmHWM:")).findFirst().orElse("VmHWM: -1 kB")
                    .replaceAll("[^0-9-]", "");
            final Path whole = Path.of(path);
            final Path part = Path.of(path + ".new");
            Files.writeString(part, "{\"messages\": " + (count - warm) + ", \"first_ns\": "
                    + firstNs + ", \"last_ns\": " + lastNs + ", \"cpu_ns\": "
                    + (lastCpuNs - firstCpuNs) + ", \"thread_cpu_ns\": 0, \"peak_kib\": " + peak
                    + ", \"latencies\": []}\n");
            Files.move(part, whole, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    private static final Meter METER = new Meter();

    // ---- setting up ----

    private static Topology topology(String[] topics, String signals, boolean isInMemory) {
        final Topology topology = new Topology();
        final String[] names = {"bars", "stats", "trends"};
        for (int i = 0; i < names.length; i++) {
            topology.addSource(Topology.AutoOffsetReset.EARLIEST, names[i], new EventTime(),
                    new StringDeserializer(), new TickDeserializer(), topics[i]);
        }
        topology.addProcessor("momentum", Momentum::new, names[0]);
        topology.addProcessor("other", Other::new, names[1], names[2]);
        // The cache before the store writes what changed to store and changelog at each commit.
        topology.addStateStore(Stores.keyValueStoreBuilder(
                isInMemory ? Stores.inMemoryKeyValueStore(STORE)
                        : Stores.persistentKeyValueStore(STORE),
                Serdes.String(), symbolSerde()).withCachingEnabled(), "momentum");
        topology.addSink("signals", signals, new StringSerializer(), new StringSerializer(),
                "momentum");
        return topology;
    }

    private static Properties properties(Map<String, String> options) {
        final Properties properties = new Properties();
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("b"));
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, options.get("g"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, options.get("d"));
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, options.get("e"));
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        // More a poll than the default thousand, and a buffer that holds it.
        properties.put(StreamsConfig.consumerPrefix("max.poll.records"), 5_000);
        properties.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 5_000);
        return properties;
    }

    private static Map<String, String> parse(String[] arguments) {
        final Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i].substring(1), arguments[i + 1]);
        }
        return options;
    }

    public static void main(String[] arguments) throws Exception {
        final Map<String, String> options = parse(arguments);
        METER.warm = Long.parseLong(options.get("w"));
        METER.count = Long.parseLong(options.get("n"));
        final Topology topology = topology(options.get("t").split(","), options.get("s"),
                options.get("m").equals("memory"));
        final boolean[] hasFailed = {false};
        try (KafkaStreams streams = new KafkaStreams(topology, properties(options))) {
            streams.setUncaughtExceptionHandler(error -> {
                error.printStackTrace();
                hasFailed[0] = true;
                METER.isDone.countDown();
                return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
                        .SHUTDOWN_CLIENT;
            });
            streams.start();
            METER.isDone.await();
            if (!hasFailed[0]) {
                METER.report(options.get("o"));
            }
        }
        System.exit(hasFailed[0] ? 1 : 0);
    }
}
