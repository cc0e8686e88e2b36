/** The client library, loaded at first use so that whoever has no RabbitMQ needs none. */
import type * as amqplib from 'amqplib'
import { KerjaError } from '../../errors.js'

export type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage, GetMessage, Message } from 'amqplib'

let loading: Promise<typeof amqplib> | undefined

/** @throws {DRIVER_MISSING} */
export function loadAmqplib(): Promise<typeof amqplib> {
  loading ??= import('amqplib').catch((error: unknown) => {
    // It may be installed meanwhile.
    loading = undefined
    throw new KerjaError('DRIVER_MISSING', 'RabbitMQ needs the package `amqplib`, which cannot be loaded. Run `npm install amqplib@2`.', {
      cause: error,
    })
  })
  return loading
}
